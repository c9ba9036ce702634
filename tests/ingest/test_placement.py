"""Which media server has a camera: the same everywhere, evenly, moving only what must; and servers that are away."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.clock import NS_PER_S
from haechi.base.errors import Invalid
from haechi.base.ids import CameraId
from haechi.ingest.placement import BACK_NS, KEPT_NS, MOST_KEPT_NS, MediaServer, Spread, media_server, own_server
from haechi.media.reverse.wire import Elsewhere, Framer, pack

PIN = "ab" * 32


def server(number: int) -> MediaServer:
    return MediaServer(f"cams{number}.example.org", 8341, number.to_bytes(32, "big"))


def camera(number: int) -> CameraId:
    return CameraId(f"cam_{number:016d}")


def of_other(servers: list[MediaServer], own: MediaServer) -> CameraId:
    """A camera of another server."""
    return next(one for one in map(camera, range(10_000)) if own_server(one, servers) != own)


@given(st.sets(st.integers(0, 1000), min_size=1, max_size=9), st.integers(0, 10_000))
def test_all_servers_agree_whatever_the_order_of_their_lists(numbers: set[int], which: int) -> None:
    listed = [server(number) for number in sorted(numbers)]
    assert own_server(camera(which), listed) == own_server(camera(which), listed[::-1])


@given(st.sets(st.integers(0, 1000), min_size=1, max_size=9), st.integers(1001, 2000))
def test_a_server_that_is_added_gets_cameras_and_no_other_pair_changes(numbers: set[int], added: int) -> None:
    before = [server(number) for number in numbers]
    after = [*before, server(added)]
    for one in map(camera, range(200)):
        assert own_server(one, after) in (own_server(one, before), server(added))


@pytest.mark.parametrize("count", [2, 3, 5, 8])
def test_cameras_are_spread_evenly_and_a_new_server_takes_its_share(count: int) -> None:
    cameras = [camera(number) for number in range(4000)]
    listed = [server(number) for number in range(count)]
    shares = Counter(own_server(one, listed).host for one in cameras)
    assert len(shares) == count
    assert all(0.85 < share * count / len(cameras) < 1.15 for share in shares.values())
    moved = sum(own_server(one, [*listed, server(99)]) != own_server(one, listed) for one in cameras)
    assert 0.85 < moved * (count + 1) / len(cameras) < 1.15


def test_each_camera_is_taken_by_exactly_one_server_and_never_sent_twice() -> None:
    listed = [server(number) for number in range(4)]
    spreads = {one.fingerprint: Spread(listed, one.fingerprint) for one in listed}
    for one in map(camera, range(300)):
        placed = {own: spread.place(one, 0) for own, spread in spreads.items()}
        assert [own for own, to in placed.items() if to is None] == [own_server(one, listed).fingerprint]
        assert {to.fingerprint for to in placed.values() if to is not None} <= {own_server(one, listed).fingerprint}


def test_a_camera_that_comes_back_at_once_is_taken_and_sent_again_later_ever_less_often() -> None:
    listed = [server(1), server(2)]
    spread, one = Spread(listed, server(1).fingerprint), of_other(listed, server(1))
    now_ns, waits = 0, []
    for _ in range(12):
        assert isinstance(spread.place(one, now_ns), Elsewhere)
        now_ns += NS_PER_S
        assert spread.place(one, now_ns) is None
        assert spread.misplaced([one], now_ns) == {}
        began_ns = now_ns
        while not spread.misplaced([one], now_ns):
            now_ns += NS_PER_S
        waits.append(now_ns - began_ns)
    assert waits[:3] == [KEPT_NS, 2 * KEPT_NS, 4 * KEPT_NS]
    assert max(waits) == MOST_KEPT_NS


def test_a_camera_that_was_at_its_server_is_sent_there_again() -> None:
    listed = [server(1), server(2)]
    spread, one = Spread(listed, server(1).fingerprint), of_other(listed, server(1))
    assert spread.place(one, 0) is not None
    assert spread.place(one, BACK_NS + 1) is not None
    assert spread.place(one, BACK_NS + NS_PER_S) is None


def test_who_is_none_of_the_servers_takes_only_those_that_cannot_get_to_theirs() -> None:
    spread = Spread([server(1), server(2)], server(9).fingerprint)
    assert all(spread.place(camera(number), 0) is not None for number in range(50))
    assert all(spread.place(camera(number), NS_PER_S) is None for number in range(50))


@pytest.mark.parametrize(
    ("address", "pin"),
    [
        ("cams.example.org", PIN),
        (":8341", PIN),
        ("cams.example.org:0", PIN),
        ("cams.example.org:99999", PIN),
        ("cams example:8341", PIN),
        ("cams.example.org:8341", "ab"),
        ("cams.example.org:8341", "x" * 64),
        ("cams.example.org:٨٣٤١", PIN),
    ],
)
def test_a_server_that_is_none_is_refused(address: str, pin: str) -> None:
    with pytest.raises(Invalid) as caught:
        media_server(address, pin)
    assert caught.value.code == "bad-media-server"


@pytest.mark.parametrize("address", ["cams.example.org:8341", "192.0.2.7:1", "[2001:db8::1]:65535"])
def test_a_server_that_is_named_can_be_told_to_a_camera(address: str) -> None:
    named = media_server(address, ":".join(PIN[at : at + 2] for at in range(0, 64, 2)).upper())
    framer = Framer()
    framer.feed(pack(Elsewhere(named.host, named.port, named.fingerprint)))
    assert framer.next() == Elsewhere(named.host, named.port, bytes.fromhex(PIN))
