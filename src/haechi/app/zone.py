"""The time zone of this machine, by name."""

import os
import zoneinfo
from pathlib import Path

_LINK = Path("/etc/localtime")
_NAME = Path("/etc/timezone")


def machine_zone() -> str:
    """IANA name such as ``Asia/Seoul``; ``UTC`` where the machine does not tell."""
    candidates = [os.environ.get("TZ", "").lstrip(":")]
    if _LINK.is_symlink():
        candidates.append(str(_LINK.resolve()).rpartition("zoneinfo/")[2])
    if _NAME.is_file():
        candidates.append(_NAME.read_text(encoding="utf-8").strip())
    return next((name for name in candidates if name and name in zoneinfo.available_timezones()), "UTC")
