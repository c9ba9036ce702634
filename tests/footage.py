"""Where the shared test footage is. A user's clone has none: tests that need it skip and say so."""

from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[1].parent / "shared" / "footage"


def footage(name: str) -> Path:
    """The path of a piece of test footage such as ``h264/BA_MW_D.264``; skips the test when it is not there."""
    path = _ROOT / name
    if not path.exists():
        pytest.skip(f"test footage {name} is not part of the repository")
    return path


def have_footage() -> bool:
    """Whether the shared footage is there at all (for collecting parametrised cases)."""
    return _ROOT.is_dir()


def footage_names(pattern: str) -> list[str]:
    """Names that match a glob such as ``h264/*``, sorted; empty when there is no footage."""
    return sorted(str(path.relative_to(_ROOT)) for path in _ROOT.glob(pattern)) if have_footage() else []
