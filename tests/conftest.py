"""Settings for every test."""

from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

settings.register_profile("haechi", deadline=None)  # a busy machine is no bug
settings.load_profile("haechi")


@pytest.fixture(autouse=True)
def _logs_end_with_their_test() -> Iterator[None]:
    """A test that sets up logging, as the program does, may have given it a stream that is closed with the test."""
    yield
    structlog.reset_defaults()
