"""Archives in temporary folders."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.record.archive import Archive


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    made = Archive(tmp_path)
    yield made
    made.close()
