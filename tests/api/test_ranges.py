"""Byte ranges (RFC 9110 section 14): as values, and over HTTP."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.api.clips import FRESH_NS
from haechi.api.ranges import Slice, asked_slice, begins
from haechi.base.clock import NS_PER_S
from haechi.base.errors import Invalid
from haechi.base.ids import CameraId, StreamId
from haechi.events.event import Event
from tests.api.world import Browser, World

TAG = '"7-10000"'
CONTENT = bytes(range(256)) * 40
SIZE = 10_000


@given(first=st.integers(0, 200), last=st.integers(0, 200), size=st.integers(1, 150))
def test_a_range_is_what_slicing_gives(first: int, last: int, size: int) -> None:
    data = bytes(range(size))
    if last < first:
        assert asked_slice(f"bytes={first}-{last}", None, TAG, size) is None
    elif first >= size:
        with pytest.raises(Invalid, match="no such bytes"):
            asked_slice(f"bytes={first}-{last}", None, TAG, size)
    else:
        part = asked_slice(f"bytes={first}-{last}", None, TAG, size)
        assert part is not None
        assert data[part.first : part.last + 1] == data[first : last + 1]
        assert part.length == len(data[first : last + 1])


@given(length=st.integers(1, 300), size=st.integers(1, 150))
def test_a_suffix_is_the_end_of_the_file(length: int, size: int) -> None:
    data = bytes(range(size))
    part = asked_slice(f"bytes=-{length}", None, TAG, size)
    assert part is not None
    assert data[part.first : part.last + 1] == data[-length:]


@given(text=st.text(max_size=40), size=st.integers(0, 100))
def test_any_header_gives_a_part_within_the_file_or_nothing_or_one_error(text: str, size: int) -> None:
    with contextlib.suppress(Invalid):
        part = asked_slice(text, None, TAG, size)
        assert part is None or 0 <= part.first <= part.last < size


@pytest.mark.parametrize(
    ("header", "if_range", "want"),
    [
        (None, None, None),
        ("bytes=0-", None, Slice(0, 99, 100)),
        ("bytes=10-19", TAG, Slice(10, 19, 100)),
        ("bytes=10-19", '"another"', None),
        ("bytes=10-19", "Wed, 21 Oct 2015 07:28:00 GMT", None),
        ("bytes=10-19", f"W/{TAG}", None),
        ("bytes=0-1,5-9", None, None),
        ("items=0-1", None, None),
        ("bytes=5-2", None, None),
    ],
)
def test_ranges_by_example(header: str | None, if_range: str | None, want: Slice | None) -> None:
    assert asked_slice(header, if_range, TAG, 100) == want


@pytest.fixture
def viewer(world: World) -> tuple[Browser, CameraId]:
    camera = world.camera()
    return Browser(world.app(), world.token(world.user("Vera", cameras=(camera,)))), camera


def test_a_recording_comes_whole_in_part_or_not_at_all(viewer: tuple[Browser, CameraId]) -> None:
    browser, camera = viewer
    path = f"/api/cameras/{camera}/recordings/7.mp4"
    whole = browser.get(path)
    assert (whole.status_code, whole.content) == (200, CONTENT[:SIZE])
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["cache-control"] == "private, no-store"
    part = browser.get(path, Range="bytes=100-299")
    assert (part.status_code, part.content) == (206, CONTENT[100:300])
    assert part.headers["content-range"] == "bytes 100-299/10000"
    assert part.headers["content-length"] == "200"
    tail = browser.get(path, Range="bytes=-100", **{"If-Range": whole.headers["etag"]})
    assert (tail.status_code, tail.content) == (206, CONTENT[SIZE - 100 : SIZE])
    changed = browser.get(path, Range="bytes=-100", **{"If-Range": '"7-5000"'})
    assert (changed.status_code, len(changed.content)) == (200, SIZE)
    beyond = browser.get(path, Range="bytes=10000-")
    assert (beyond.status_code, beyond.json()["code"]) == (416, "range-not-satisfiable")
    assert beyond.headers["content-range"] == "bytes */10000"
    known = browser.get(path, **{"If-None-Match": whole.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")


def test_head_says_the_size_and_sends_nothing(viewer: tuple[Browser, CameraId]) -> None:
    browser, camera = viewer
    head = browser.ask("HEAD", f"/api/cameras/{camera}/recordings/7.mp4")
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "10000", b"")
    part = browser.ask("HEAD", f"/api/cameras/{camera}/recordings/7.mp4", headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.headers["content-length"]) == (206, "10")


def test_bytes_that_are_not_listed_yet_are_not_served(viewer: tuple[Browser, CameraId]) -> None:
    browser, camera = viewer
    assert len(CONTENT) > SIZE
    answer = browser.get(f"/api/cameras/{camera}/recordings/7.mp4", Range="bytes=9990-20000")
    assert answer.content == CONTENT[9990:SIZE]


@pytest.mark.parametrize("harm", ["gone", "shorter", "a link"])
def test_a_recording_that_is_not_what_it_was_is_an_error_and_not_half_an_answer(
    world: World, viewer: tuple[Browser, CameraId], harm: str, tmp_path: Path
) -> None:
    browser, camera = viewer
    path = world.record_path / f"{camera}.mp4"
    if harm == "shorter":
        path.write_bytes(CONTENT[:5000])
    else:
        path.unlink()
    if harm == "a link":
        (tmp_path / "secret").write_bytes(CONTENT)
        path.symlink_to(tmp_path / "secret")
    answer = browser.get(f"/api/cameras/{camera}/recordings/7.mp4")
    assert (answer.status_code, answer.json()["code"].partition("-")[0]) == (500, "recording")
    assert str(tmp_path) not in answer.text


NAMES = (
    "../7 ..%2f7 %2e%2e/7 ..;/7 %252e%252e%252f7 7%00 /etc/passwd 7.mp4/../../x 0x7 7%20 +7 -1 ٧ 99999999999999999999"
)


def test_recordings_are_named_by_number_and_by_nothing_else(viewer: tuple[Browser, CameraId]) -> None:
    browser, camera = viewer
    for name in NAMES.split():
        answer = browser.get(f"/api/cameras/{camera}/recordings/{name}.mp4")
        assert answer.status_code in {404, 422}, name
        assert b"root:" not in answer.content


def test_a_clip_is_a_download_named_after_camera_time_and_offset_and_leaves_nothing(world: World) -> None:
    camera = world.camera("Eingang / Türe «1»")
    browser = Browser(world.app(), world.token(world.user("Ann", "admin")))
    assert browser.ask("PATCH", "/api/settings", {"time_zone": "Asia/Seoul"}).status_code == 200
    start_ms = 1_763_705_002_000
    path = f"/api/cameras/{camera}/clip.mp4?start_ms={start_ms}&end_ms={start_ms + 5000}"
    for method in ("GET", "HEAD"):
        answer = browser.ask(method, path)
        assert answer.status_code == 200
        disposition = answer.headers["content-disposition"]
        assert disposition.startswith('attachment; filename="Eingang_T')
        assert disposition.endswith("_2025-11-21_15-03-22.000%2B0900.mp4")
        assert disposition.isascii()
        assert not list(world.record_path.parent.glob("clip_*"))
    head = browser.ask("HEAD", path)
    assert head.headers["content-length"] == str(len(browser.get(path).content))


def test_a_player_seeks_in_an_events_clip_that_is_made_once(world: World, tmp_path: Path) -> None:
    event = world.event(world.camera())
    browser = Browser(world.app(), world.token(world.user("Ann", "admin")))
    path = f"/api/events/{event.id}/clip.mp4"
    whole = browser.get(path)
    assert (whole.status_code, whole.headers["accept-ranges"]) == (200, "bytes")
    for first in (0, 10, 500):
        part = browser.get(path, Range=f"bytes={first}-{first + 9}", **{"If-Range": whole.headers["etag"]})
        assert (part.status_code, part.content) == (206, whole.content[first : first + 10])
        assert part.headers["content-disposition"].startswith("attachment")
    assert len(list(tmp_path.glob("clip_*.mp4"))) == 1
    world.clock.advance(601 * NS_PER_S)
    assert browser.get(path).content == whole.content
    assert len(list(tmp_path.glob("clip_*.mp4"))) == 1


def growing(world: World) -> tuple[Event, Browser, str]:
    """An event whose clip ends later the later it is made, as that of one that goes on does."""
    event = world.event(world.camera(), ago_s=10)
    browser = Browser(world.app(), world.token(world.user("Ann", "admin")))
    make = world.playback.clip

    async def clip(stream: StreamId, start_ns: int, end_ns: int) -> Path:
        return await make(stream, start_ns, end_ns + world.clock.monotonic_ns())

    world.playback.clip = clip  # type: ignore[method-assign, assignment]
    return event, browser, f"/api/events/{event.id}/clip.mp4"


def test_a_clip_of_which_more_comes_is_read_by_range_at_once_and_read_on_as_it_was_begun(world: World) -> None:
    _, browser, path = growing(world)
    probe = browser.get(path, Range="bytes=0-1")
    assert (probe.status_code, probe.headers["accept-ranges"]) == (206, "bytes")
    world.clock.advance(FRESH_NS - 1)
    first = browser.get(path, Range="bytes=0-499")
    assert first.headers["etag"] == probe.headers["etag"], "a player that asks twice for the first bytes"
    parts = [first.content]
    for begin in (500, 1000):
        world.clock.advance(20 * NS_PER_S)
        part = browser.get(path, Range=f"bytes={begin}-{begin + 499}")
        assert part.headers["content-range"].rpartition("/")[2] == first.headers["content-range"].rpartition("/")[2]
        parts.append(part.content)
    fresh = browser.get(path)
    assert fresh.headers["etag"] != probe.headers["etag"], "who begins anew sees what came since"
    assert b"".join(parts) != fresh.content[: sum(map(len, parts))]


def test_two_people_read_on_in_what_each_of_them_began(world: World) -> None:
    event, ann, path = growing(world)
    bob = Browser(world.app(), world.token(world.user("Bob", "viewer", (event.camera,))))
    bob.http.app = ann.http.app
    first = ann.get(path, Range="bytes=0-9").headers["etag"]
    world.clock.advance(FRESH_NS)
    second = bob.get(path, Range="bytes=0-9").headers["etag"]
    assert first != second
    assert ann.get(path, Range="bytes=10-19").headers["etag"] == first
    assert bob.get(path, Range="bytes=10-19").headers["etag"] == second
    world.clock.advance(601 * NS_PER_S)
    assert ann.get(path, Range="bytes=20-29").status_code == 206, "long after, from what there is then"


@pytest.mark.parametrize(
    ("header", "is_first"),
    [(None, True), ("bytes=0-", True), ("bytes=0-1", True), ("bytes=1-", False), ("bytes=-5", False), ("x", True)],
)
def test_who_asks_for_the_first_byte_begins(header: str | None, is_first: bool) -> None:
    assert begins(header) is is_first
