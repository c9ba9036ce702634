"""Names of files that people take away."""

from datetime import UTC, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.record.exports.names import clip_stem, safe_name

AT_NS = 1_763_701_402_123_456_789
RESERVED = '<>:"/\\|?*\0'


@pytest.mark.parametrize(
    ("zone", "stem"),
    [
        (ZoneInfo("Asia/Seoul"), "Front_door_2025-11-21_14-03-22.123+0900"),
        (ZoneInfo("Asia/Kolkata"), "Front_door_2025-11-21_10-33-22.123+0530"),
        (ZoneInfo("America/St_Johns"), "Front_door_2025-11-21_01-33-22.123-0330"),
        (UTC, "Front_door_2025-11-21_05-03-22.123+0000"),
    ],
)
def test_a_name_says_camera_time_and_offset(zone: tzinfo, stem: str) -> None:
    assert clip_stem("Front door", AT_NS, zone) == stem


def test_the_hour_that_comes_twice_has_two_names() -> None:
    zone = ZoneInfo("Europe/Berlin")
    first = 1_761_438_600_000_000_000
    assert clip_stem("a", first, zone) == "a_2025-10-26_02-30-00.000+0200"
    assert clip_stem("a", first + 3_600_000_000_000, zone) == "a_2025-10-26_02-30-00.000+0100"


@given(st.text(max_size=300), st.integers(0, 4_102_444_800_000_000_000), st.integers(-1439, 1439))
def test_any_camera_gives_a_name_that_every_system_takes(camera: str, at_ns: int, minutes: int) -> None:
    stem = clip_stem(camera, at_ns, timezone(timedelta(minutes=minutes)))
    assert not any(letter in RESERVED or not letter.isprintable() for letter in stem)
    assert 0 < len(f"{stem}_100of100.mp4".encode()) < 255
    assert not stem.startswith((".", " ", "-"))
    assert not stem.endswith((".", " "))
    assert safe_name(camera) == safe_name(safe_name(camera))
    assert stem.startswith(safe_name(camera))


def test_letters_of_any_script_stay() -> None:
    assert safe_name("현관 카메라") == "현관_카메라"
    assert safe_name("../../etc/passwd") == "etc_passwd"
    assert safe_name("???") == ""
