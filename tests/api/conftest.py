"""A world for each test that asks for one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A house with nobody in it."""
    world = World(tmp_path)
    yield world
    world.close()
