"""One viewer's connection, driven by hand: a socket that is a pair of queues."""

import asyncio
import itertools
import json
import struct
from collections.abc import Awaitable, Callable
from typing import Any

from haechi.base.clock import NS_PER_S, SimulatedClock, SystemClock
from haechi.base.ids import CameraId, StreamId
from haechi.bus.frames import FrameBus, GapCause, Run, RunEnded
from haechi.live.mse import KIND_CHUNK, KIND_INIT, KIND_PICTURE, LiveHub
from haechi.live.session import RECHECK_S, LiveClosed, LiveSession
from haechi.live.stamps import KIND_STAMP
from haechi.media.access_unit import AccessUnit, AudioParams, Codec, CodecParams, UnitRef, VideoParams

STREAM = StreamId("cam_a/main")
SPS = bytes.fromhex("6764001facd9405005bb011000000300100000030320f18319600168ebecb22c")
H264 = VideoParams(Codec.H264, 1280, 720, (SPS, bytes.fromhex("68ebecb22c")), "avc1.64001f")
MJPEG = VideoParams(Codec.MJPEG, 640, 480)


class QueueSocket:
    """What the viewer sends is put in by the test; what it gets is kept. ``close`` is the viewer leaving."""

    def __init__(self) -> None:
        self.inbox: asyncio.Queue[str | None] = asyncio.Queue()
        self.texts: list[dict[str, Any]] = []
        self.chunks: list[bytes] = []
        self.may_send = asyncio.Event()
        self.may_send.set()

    async def send_text(self, text: str) -> None:
        self.texts.append(json.loads(text))

    async def send_bytes(self, data: bytes) -> None:
        await self.may_send.wait()
        self.chunks.append(data)

    async def receive_text(self) -> str:
        text = await self.inbox.get()
        if text is None:
            raise LiveClosed
        return text

    def ask(self, **message: object) -> None:
        self.inbox.put_nowait(json.dumps(message))

    def headers(self) -> list[tuple[int, ...]]:
        return [struct.unpack(">HBBIQQ", chunk[:24]) for chunk in self.chunks]


def unit(seq: int, *, sync: bool = False, params: int = 0, run: int = 1) -> AccessUnit:
    return AccessUnit(UnitRef(STREAM, run, seq), seq * 6_000, seq * 6_000, 10**18 + seq, sync, params, b"abc%d" % seq)


def opened(bus: FrameBus, params: CodecParams = H264, run: int = 1) -> Run:
    made = Run(STREAM, run, 0, [params])
    bus.channel(STREAM).open_run(made)
    return made


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def anyone(_camera: CameraId) -> bool:
    return True


def with_session(
    use: Callable[[FrameBus, LiveHub, QueueSocket], Awaitable[None]],
    may_view: Callable[[CameraId], Awaitable[bool]] = anyone,
    clock: SystemClock | SimulatedClock | None = None,
) -> QueueSocket:
    async def run() -> QueueSocket:
        bus = FrameBus()
        hub = LiveHub(bus)
        socket = QueueSocket()
        session = asyncio.create_task(LiveSession(socket, hub, may_view, clock or SystemClock()).serve())
        await use(bus, hub, socket)
        socket.inbox.put_nowait(None)
        await asyncio.wait_for(session, 5)
        assert hub.viewers == 0
        assert bus.channel(STREAM).subscribers() == 0
        return socket

    return asyncio.run(run())


def test_a_viewer_gets_the_codec_the_init_segment_and_every_unit_with_its_identity() -> None:
    async def use(bus: FrameBus, _hub: LiveHub, socket: QueueSocket) -> None:
        opened(bus)
        for seq in range(3):
            bus.channel(STREAM).publish(unit(seq, sync=seq == 0))
        socket.ask(type="subscribe", id=7, camera="cam_a")
        await settle()
        bus.channel(STREAM).publish(unit(3))
        await settle()

    socket = with_session(use)
    assert socket.texts[0] == {
        "type": "subscribed",
        "id": 7,
        "mime": 'video/mp4; codecs="avc1.64001f"',
        "width": 1280,
        "height": 720,
    }
    heads = socket.headers()
    assert heads[0][:3] == (7, KIND_INIT, 0)
    assert [(h[1], h[2], h[3], h[4], h[5]) for h in heads[1:]] == [
        (KIND_CHUNK, 1 if seq == 0 else 0, 1, seq, 10**18 + seq) for seq in range(4)
    ]
    assert [chunk.endswith(b"abc%d" % seq) for seq, chunk in enumerate(socket.chunks[1:])] == [True] * 4


def test_a_unit_is_put_into_boxes_once_for_all_viewers() -> None:
    async def use(bus: FrameBus, hub: LiveHub, socket: QueueSocket) -> None:
        opened(bus)
        for number in range(5):
            socket.ask(type="subscribe", id=number, camera="cam_a")
        await settle()
        for seq in range(4):
            bus.channel(STREAM).publish(unit(seq, sync=seq == 0))
        await settle()
        assert hub.stream(STREAM).made == 4
        assert len(socket.chunks) == 5 * 5

    with_session(use)


def test_a_change_of_parameters_or_run_is_announced_with_a_new_init_segment() -> None:
    async def use(bus: FrameBus, _hub: LiveHub, socket: QueueSocket) -> None:
        run = opened(bus)
        socket.ask(type="subscribe", id=1, camera="cam_a")
        await settle()
        bus.channel(STREAM).publish(unit(0, sync=True))
        run.params.append(VideoParams(Codec.H264, 640, 360, H264.sets, "avc1.4d001e"))
        bus.channel(STREAM).publish(unit(1, sync=True, params=1))
        bus.channel(STREAM).close_run(RunEnded(STREAM, 1, GapCause.STALLED, "quiet", 0))
        opened(bus, run=2)
        bus.channel(STREAM).publish(unit(0, sync=True, run=2))
        await settle()

    socket = with_session(use)
    kinds = [text["type"] for text in socket.texts]
    assert kinds == ["subscribed", "subscribed", "waiting", "subscribed"]
    assert socket.texts[2]["cause"] == "stalled"
    assert [head[1] for head in socket.headers()] == [1, 2, 1, 2, 1, 2]


def test_a_slow_viewer_loses_whole_stretches_and_starts_again_at_a_sync_unit() -> None:
    async def use(bus: FrameBus, _hub: LiveHub, socket: QueueSocket) -> None:
        opened(bus)
        socket.ask(type="subscribe", id=1, camera="cam_a")
        await settle()
        socket.may_send.clear()
        for seq in range(1_000):
            bus.channel(STREAM).publish(unit(seq, sync=seq % 10 == 0))
        await settle()
        socket.may_send.set()
        await settle()
        for seq in range(1_000, 1_012):
            bus.channel(STREAM).publish(unit(seq, sync=seq % 10 == 0))
        await settle()

    socket = with_session(use)
    got = [(head[4], head[2]) for head in socket.headers() if head[1] == KIND_CHUNK]
    assert len(got) < 400
    for (before, _), (after, flags) in itertools.pairwise(got):
        assert after == before + 1 or flags == 1
    assert got[-1][0] == 1_011


def test_what_may_not_be_seen_answers_like_what_is_not_there() -> None:
    async def nobody(_camera: CameraId) -> bool:
        return False

    async def use(bus: FrameBus, _hub: LiveHub, socket: QueueSocket) -> None:
        opened(bus)
        socket.ask(type="subscribe", id=1, camera="cam_a")
        await settle()

    socket = with_session(use, nobody)
    assert socket.texts == [{"type": "error", "id": 1, "code": "camera-not-found", "message": "no such camera"}]
    assert socket.chunks == []


def test_a_withdrawn_permission_ends_the_stream_within_five_seconds() -> None:
    allowed = [True]
    clock = SimulatedClock()

    async def may_view(_camera: CameraId) -> bool:
        return allowed[0]

    async def use(bus: FrameBus, _hub: LiveHub, socket: QueueSocket) -> None:
        opened(bus)
        socket.ask(type="subscribe", id=1, camera="cam_a")
        await settle()
        bus.channel(STREAM).publish(unit(0, sync=True))
        await settle()
        allowed[0] = False
        clock.advance(int(RECHECK_S * 1e9) + 1)
        await settle()
        bus.channel(STREAM).publish(unit(1, sync=True))
        await settle()

    socket = with_session(use, may_view, clock)
    assert socket.texts[-1]["code"] == "camera-not-found"
    assert [head[4] for head in socket.headers() if head[1] == KIND_CHUNK] == [0]


def test_nonsense_is_answered_and_does_not_end_the_session() -> None:
    async def use(bus: FrameBus, _hub: LiveHub, socket: QueueSocket) -> None:
        opened(bus)
        for text in ("", "{", "[]", '{"type":"destroy","id":1}', '{"type":"subscribe","id":"x"}', "x" * 5_000):
            socket.inbox.put_nowait(text)
        socket.ask(type="subscribe", id=70_000, camera="cam_a")
        socket.ask(type="subscribe", id=2, camera="cam_a")
        await settle()
        bus.channel(STREAM).publish(unit(0, sync=True))
        await settle()

    socket = with_session(use)
    assert [text["code"] for text in socket.texts if text["type"] == "error"] == ["bad-message"] * 7
    assert socket.texts[-1]["type"] == "subscribed"


def test_a_codec_that_no_browser_plays_is_named_once() -> None:
    async def use(bus: FrameBus, _hub: LiveHub, socket: QueueSocket) -> None:
        opened(bus, AudioParams(Codec.PCMU, 11_025, 1, codec_string="ulaw"))
        socket.ask(type="subscribe", id=1, camera="cam_a")
        for seq in range(5):
            bus.channel(STREAM).publish(unit(seq, sync=True))
        await settle()

    socket = with_session(use)
    assert [text.get("code") for text in socket.texts if text["type"] == "error"] == ["codec-not-playable"]
    assert socket.chunks == []


def test_pictures_that_are_whole_in_themselves_go_out_as_the_camera_sent_them() -> None:
    async def use(bus: FrameBus, _hub: LiveHub, socket: QueueSocket) -> None:
        opened(bus, MJPEG)
        bus.channel(STREAM).publish(unit(0, sync=True))
        bus.channel(STREAM).publish(unit(1, sync=True))
        socket.ask(type="subscribe", id=7, camera="cam_a")
        await settle()
        bus.channel(STREAM).publish(unit(2, sync=True))
        await settle()

    socket = with_session(use)
    assert [(text["type"], text["mime"], text["width"]) for text in socket.texts] == [("subscribed", "image/jpeg", 640)]
    assert [chunk[24:] for chunk in socket.chunks] == [b"abc1", b"abc2"]
    assert socket.headers() == [(7, KIND_PICTURE, 1, 1, seq, 10**18 + seq) for seq in (1, 2)]


def test_parameters_that_cannot_be_written_end_that_subscription_only_until_better_ones_come() -> None:
    other = StreamId("cam_b/main")

    async def use(bus: FrameBus, _hub: LiveHub, socket: QueueSocket) -> None:
        run = opened(bus, VideoParams(Codec.H264, 1280, 720, (b"\x67",), "avc1.64001f"))
        bus.channel(other).open_run(Run(other, 1, 0, [H264]))
        socket.ask(type="subscribe", id=1, camera="cam_a")
        socket.ask(type="subscribe", id=2, camera="cam_b")
        await settle()
        for seq in range(3):
            bus.channel(STREAM).publish(unit(seq, sync=True))
        bus.channel(other).publish(AccessUnit(UnitRef(other, 1, 0), 0, 0, 10**18, True, 0, b"good"))
        await settle()
        run.params.append(H264)
        bus.channel(STREAM).publish(unit(3, sync=True, params=1))
        await settle()

    socket = with_session(use)
    assert [(text["id"], text["type"]) for text in socket.texts if text["type"] != "waiting"] == [
        (1, "error"),
        (2, "subscribed"),
        (1, "subscribed"),
    ]
    got = [(head[0], head[1], head[4]) for head in socket.headers()]
    assert got == [(2, KIND_INIT, 0), (2, KIND_CHUNK, 0), (1, KIND_INIT, 0), (1, KIND_CHUNK, 3)]


def test_a_unit_whose_times_cannot_be_written_is_told_once_and_the_socket_lives() -> None:
    async def use(bus: FrameBus, _hub: LiveHub, socket: QueueSocket) -> None:
        opened(bus)
        socket.ask(type="subscribe", id=1, camera="cam_a")
        await settle()
        for seq in range(4):
            bus.channel(STREAM).publish(AccessUnit(UnitRef(STREAM, 1, seq), -5, -5, 10**18, True, 0, b"x"))
        await settle()
        socket.ask(type="subscribe", id=2, camera="cam_b")
        await settle()

    socket = with_session(use)
    assert [(text["id"], text.get("code")) for text in socket.texts if text["type"] == "error"] == [(1, "bad-fragment")]
    assert socket.texts[-1]["id"] == 2


def test_who_watches_is_told_at_the_subscription_and_at_each_look_and_not_of_what_is_refused() -> None:
    told: list[CameraId] = []

    async def own(camera: CameraId) -> bool:
        return camera == "cam_a"

    async def run() -> None:
        bus, clock, socket = FrameBus(), SimulatedClock(), QueueSocket()
        opened(bus)
        session = asyncio.create_task(LiveSession(socket, LiveHub(bus), own, clock, told.append).serve())
        socket.ask(type="subscribe", id=1, camera="cam_a")
        socket.ask(type="subscribe", id=2, camera="cam_b")
        await settle()
        assert told == ["cam_a"]
        clock.advance(int(RECHECK_S * NS_PER_S))
        await settle()
        socket.inbox.put_nowait(None)
        await asyncio.wait_for(session, 5)

    asyncio.run(run())
    assert told == ["cam_a", "cam_a"]


def test_who_watches_by_webrtc_is_told_the_timestamp_of_each_unit_as_it_stands_in_the_packets() -> None:
    seen: list[int] = []

    async def use(bus: FrameBus, hub: LiveHub, socket: QueueSocket) -> None:
        opened(bus)
        packets = hub.packets.of(STREAM)
        bus.channel(STREAM).publish(unit(0, sync=True))
        socket.ask(type="subscribe", id=7, camera="cam_a", form="stamps")
        await settle()
        bus.channel(STREAM).publish(unit(1))
        bus.channel(STREAM).close_run(RunEnded(STREAM, 1, GapCause.STALLED, "no picture", 5))
        await settle()
        seen.extend(packets.timestamp(one, H264) for one in (unit(0, sync=True), unit(1)))

    socket = with_session(use)
    assert [head[:5] for head in socket.headers()] == [(7, KIND_STAMP, 1, 1, 0), (7, KIND_STAMP, 0, 1, 1)]
    assert [struct.unpack(">I", chunk[24:])[0] for chunk in socket.chunks] == seen
    assert (seen[1] - seen[0]) % (1 << 32) == 6_000
    assert [text["type"] for text in socket.texts] == ["waiting"]
