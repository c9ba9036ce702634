"""What a module's process says is not trusted: whatever it is, it is a reply or an error of the peer."""

from collections.abc import Callable
from contextlib import suppress

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import structs

from haechi.base.errors import PeerError
from haechi.base.framing import Unpacker
from haechi.media.push.words import Box
from haechi.vision import messages as decoding
from haechi.vision.burn import messages as burning
from haechi.vision.demux import messages as demuxing
from haechi.vision.modules.contract import Score, Spec
from haechi.vision.modules.messages import Erred, Loaded, Looking, Over, Saved, Saw, Shown, Taken, pack, read_reply

NO_TEXT = b"\x83\xa4type\xa5erred\xa3key\xa2\x89a\xa3seq\x01"
SAW = Saw("psh_a/1#1", 1, 3, 4, (Box("cat", 0.5, 0.1, 0.1, 0.2, 0.2),), 640, 360)


REPLIES = [
    SAW,
    Taken("k", 1),
    Looking((Shown("k", 1, 2),)),
    Erred("k", 1, "why"),
    Saved("k", b"s"),
    Over("k"),
    Loaded(("memory",), Spec("smoke", kind="snippet", frames=4), has_state=True),
]


@pytest.mark.parametrize("reply", REPLIES)
def test_replies_come_through_as_they_were(reply: Saw) -> None:
    (body,) = Unpacker().feed(pack(reply))
    assert read_reply(body) == reply


@pytest.mark.parametrize(
    "change",
    [{"units": -1}, {"units": 10**6}, {"key": "k" * 201}, {"type": "loaded"}, {"type": "mind"}],
)
def test_numbers_and_names_beyond_their_limits_are_refused(change: dict[str, object]) -> None:
    body = msgspec.msgpack.encode({"type": "taken", "key": "k", "units": 1} | change)
    with pytest.raises(PeerError):
        read_reply(body)


@pytest.mark.parametrize("score", [Score("fire", 2.0, 0, 0), Score("fire", 0.5, 2, 1), Score("f" * 41, 0.5, 0, 0)])
def test_a_score_that_is_none_is_refused(score: Score) -> None:
    (body,) = Unpacker().feed(pack(structs.replace(SAW, scores=(score,))))
    with pytest.raises(PeerError):
        read_reply(body)


@given(st.binary(max_size=300))
@example(NO_TEXT)
def test_noise_is_a_reply_or_an_error_of_the_peer(body: bytes) -> None:
    readers: tuple[Callable[[bytes], object], ...] = (
        read_reply,
        decoding.read_reply,
        burning.read_reply,
        demuxing.read_reply,
    )
    for reader in readers:
        with suppress(PeerError):
            reader(body)
