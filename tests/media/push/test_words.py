"""The documented vectors, and what is no message."""

import re
from pathlib import Path

import pytest

from haechi.base.errors import PeerError
from haechi.media.push.wire import CLIENT_LIMITS, Deframer, Frame, Kind
from haechi.media.push.words import (
    Accepted,
    Announce,
    Box,
    Fault,
    Flow,
    Goodbye,
    Hello,
    Request,
    Result,
    Welcome,
    Word,
    read,
    say,
)

PAGE = Path(__file__).resolve().parents[3] / "docs" / "ref" / "result-socket.md"
_VECTOR = re.compile(r"^([A-Z]+)\n```\n([0-9a-f\n]+)```", re.MULTILINE)
VECTORS = {name: bytes.fromhex(text) for name, text in _VECTOR.findall(PAGE.read_text())}
BOXES = (Box("person", 0.75, 0.25, 0.5, 0.125, 0.25, 3), Box("cat", 0.5, 0.0, 0.0, 1.0, 1.0))
WORDS: dict[str, tuple[Word, int, int, int]] = {
    "HELLO": (Hello("hpt_example", "demo/1"), 0, 0, 0),
    "WELCOME": (Welcome("haechi/1", ("objects", "echo"), 4), 0, 0, 0),
    "ANNOUNCE": (Announce("h264", name="door", source="door.mp4", width_px=640, height_px=360, fps=25.0), 1, 0, 0),
    "ACCEPTED": (Accepted("psh_abc/1"), 1, 7, 0),
    "REQUEST": (Request("objects"), 1, 7, 0),
    "RESULT": (Result("objects", 3000, 1_700_000_000_000_000_000, BOXES, 640, 360, 1500, 2), 1, 7, 42),
    "FLOW": (Flow("not-looked", 12, "objects"), 1, 7, 0),
    "ERROR": (
        Fault("unknown-module", "there is no module of this name; there are: objects, echo", ("objects", "echo")),
        1,
        0,
        0,
    ),
    "BYE": (Goodbye("the server stops"), 0, 0, 0),
}


@pytest.mark.parametrize("name", sorted(WORDS))
def test_a_documented_message_is_written_and_read_as_the_page_says(name: str) -> None:
    word, stream, run, seq = WORDS[name]
    assert say(word, stream, run, seq) == VECTORS[name]
    (frame,) = Deframer(CLIENT_LIMITS).feed(VECTORS[name])
    assert (frame.kind, frame.stream, frame.run, frame.seq) == (Kind[name], stream, run, seq)
    assert read(frame, type(word)) == word


@pytest.mark.parametrize("name", ["PACKETS", "PING", "END"])
def test_a_message_without_msgpack_is_as_the_page_says(name: str) -> None:
    (frame,) = Deframer(CLIENT_LIMITS).feed(VECTORS[name])
    assert frame.kind is Kind[name]
    assert frame.serialise() == VECTORS[name]


def test_the_page_shows_a_vector_for_every_message_with_a_body() -> None:
    assert set(VECTORS) == set(WORDS) | {"PACKETS", "PING", "END"}


def test_a_field_from_the_future_is_left_out() -> None:
    body = b"\x82\xa6module\xa7objects\xa3new\xc3"
    assert read(Frame(Kind.REQUEST, body), Request) == Request("objects")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        b"\x80",
        b"\x81\xa6module\x01",
        b"\x81\xa6module\xa2\x89a",
        b"\x81\xa6module\xd9\xc8" + b"x" * 200,
        b"\x81\xa6module\xa6detec",
        b"\xdd\xff\xff\xff\xff",
    ],
    ids=[
        "empty",
        "no msgpack",
        "nothing said",
        "a number for a name",
        "no text",
        "too long a name",
        "cut off",
        "giant array",
    ],
)
def test_a_body_that_is_not_what_its_type_promises_is_refused(body: bytes) -> None:
    with pytest.raises(PeerError) as caught:
        read(Frame(Kind.REQUEST, body), Request)
    assert caught.value.code == "push-malformed"


@pytest.mark.parametrize("score", [-0.1, 1.1, float("nan")])
def test_a_box_outside_the_picture_is_refused(score: float) -> None:
    (frame,) = Deframer(CLIENT_LIMITS).feed(say(Result("objects", 0, 0, (Box("cat", score, 0, 0, 1, 1),))))
    with pytest.raises(PeerError):
        read(frame, Result)


def test_a_token_is_in_no_representation() -> None:
    assert "secret" not in repr(Hello("secret"))
    assert "secret" not in repr(Accepted("psh_abc/1", 1, b"secret"))
