"""Messages survive any cutting, and nonsense is an error."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.errors import PeerError
from haechi.base.framing import MOST_BYTES, Unpacker
from haechi.base.ids import StreamId
from haechi.media.access_unit import Codec, UnitRef, VideoParams
from haechi.vision.messages import (
    Done,
    Failed,
    Forget,
    Picture,
    Progress,
    Reply,
    Request,
    Restore,
    Save,
    Saved,
    Still,
    UnitIn,
    Use,
    Work,
    pack,
    read_reply,
    request_decoder,
)
from haechi.vision.result import Detection, FrameResult, Score, Step

UNIT = UnitIn(UnitRef(StreamId("cam_a/main"), 3, 7), 90_000, 1_700_000_000_000_000_001, True, b"\0\1\2" * 50, "motion")
PARAMS = VideoParams(Codec.H264, 640, 360, (b"\x67\x42", b"\x68"), "avc1.42001f")
REQUESTS: list[Request] = [
    Work(1, "cam_a/main", (UNIT, UNIT), PARAMS, True, ("objects",)),
    Still(2, (UNIT,), PARAMS, None, 80),
    Forget("x"),
    Restore("cam_a/main", "view", b"\0state"),
    Save("cam_a/main"),
]
REPLIES: list[Reply] = [
    Progress(1, -1),
    Picture(2, b"\xff\xd8"),
    Failed(3, "undecodable", "no"),
    Done(4, (), 1, 0, 0, 5, 6, (), (Use("pose", 2, 1, 7, 1, "no"),)),
    Saved("cam_a/main", "view", b"\0state"),
]


@given(st.lists(st.integers(1, 40), max_size=60))
def test_however_the_bytes_are_cut_the_messages_are_the_same(cuts: list[int]) -> None:
    data = b"".join(pack(message) for message in REQUESTS)
    unpacker, bodies, at = Unpacker(), [], 0
    for size in [*cuts, len(data)]:
        bodies += unpacker.feed(data[at : at + size])
        at += size
    assert [request_decoder.decode(body) for body in bodies] == REQUESTS


def test_replies_come_back_as_they_went() -> None:
    for reply in REPLIES:
        (body,) = Unpacker().feed(pack(reply))
        assert read_reply(body) == reply


@given(st.binary(max_size=200))
def test_noise_is_a_reply_or_a_peer_error(noise: bytes) -> None:
    try:
        for body in Unpacker().feed(noise):
            read_reply(body)
    except PeerError as error:
        assert error.code == "worker-message"  # noqa: PT017 (noise may also be a message)


def test_a_message_beyond_the_limit_is_refused_before_it_is_collected() -> None:
    with pytest.raises(PeerError) as error:
        Unpacker().feed((MOST_BYTES + 1).to_bytes(4, "big"))
    assert error.value.offset == 0


SOUND = FrameResult(
    UNIT.ref, 1, (Detection("person", 0.9, 0.1, 0.1, 0.2, 0.2),), 640, 360, 0.1, "m", "c", "u", "g", "f", 0
)


@pytest.mark.parametrize(
    "lie",
    [
        {"width_px": 0},
        {"height_px": 1 << 40},
        {"motion": float("nan")},
        {"sync_seq": 8},
        {"unit_sha256": "f" * 65},
        {"detections": (Detection("person", float("nan"), 0, 0, 0, 0),)},
        {"detections": (Detection("person", 0.5, 0, 0, float("inf"), 0),)},
        {"detections": (Detection("x" * 41, 0.5, 0, 0, 0.1, 0.1),)},
        {"detections": (Detection("person", 0.5, 0, 0, 0.1, 0.1, track=7),)},
        {"detections": SOUND.detections * 1001},
        {"detections": (Detection("person", 0.5, 0, 0, 0.1, 0.1, points=((0.1, 0.1, 1.1),)),)},
        {"detections": (Detection("person", 0.5, 0, 0, 0.1, 0.1, points=((0.1, 0.1, 0.1),) * 134),)},
        {"detections": (Detection("person", 0.5, 0, 0, 0.1, 0.1, embedding=bytes(4097)),)},
        {"scores": (Score("moved", float("nan"), 0, 1),)},
        {"scores": (Score("moved", 0.5, 0, 1),) * 65},
        {"steps": (Step("pose", "f" * 65),)},
    ],
)
def test_a_worker_that_lies_in_numbers_is_not_believed(lie: dict[str, object]) -> None:
    assert SOUND.is_sound()
    assert not msgspec.structs.replace(SOUND, **lie).is_sound()
