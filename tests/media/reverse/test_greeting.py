"""The greeting of a camera that dials: both machines against each other, and against strangers."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.errors import PeerError
from haechi.media.reverse.greeting import CameraGreeting, Claim, ServerGreeting
from haechi.media.reverse.wire import (
    MAX_BODY_BYTES,
    Challenge,
    Elsewhere,
    Framer,
    Knock,
    Later,
    Proof,
    Refused,
    UnknownVersion,
    Welcome,
    Word,
    pack,
    signed_words,
)

NONCES = st.binary(min_size=32, max_size=32)
WORDS: st.SearchStrategy[Word] = st.one_of(
    st.builds(Knock, st.from_regex(r"[a-z0-9_]{1,40}", fullmatch=True), NONCES, st.text(max_size=64)),
    st.builds(Challenge, NONCES),
    st.builds(Proof, st.binary(min_size=64, max_size=64)),
    st.builds(Welcome, st.integers(0, 2**63 - 1)),
    st.builds(
        Later,
        st.sampled_from(["busy", "too-many-tries", "camera-connected", "not-ready"]),
        st.integers(1, 3600),
    ),
    st.builds(Elsewhere, st.from_regex(r"[a-z0-9.\-]{1,60}", fullmatch=True), st.integers(1, 65_535), NONCES),
    st.builds(Refused, st.sampled_from(["unknown", "version"])),
)
SERVER_NONCE, CAMERA_NONCE, FINGERPRINT = b"s" * 32, b"c" * 32, b"f" * 32


def sign(message: bytes) -> bytes:
    """Stands in for Ed25519: what was signed can be seen in it."""
    return (message[-20:] * 4)[:64]


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in pairwise(edges)]


def outcome_of(framer: Framer) -> str:
    """The code of the error at which reading ends; ``more`` when it is none."""
    try:
        while framer.next() is not None:
            continue
    except PeerError as error:
        return error.code
    return "more"


def both() -> tuple[CameraGreeting, ServerGreeting]:
    return CameraGreeting("cam_door", CAMERA_NONCE, FINGERPRINT, sign), ServerGreeting(SERVER_NONCE, FINGERPRINT)


@given(st.lists(WORDS, max_size=4), st.lists(st.integers(0, 3000), max_size=12))
def test_words_come_out_as_they_went_in_whatever_the_chunks(words: list[Word], cuts: list[int]) -> None:
    framer, found = Framer(), []
    for piece in pieces(b"".join(map(pack, words)), cuts):
        framer.feed(piece)
        while (word := framer.next()) is not None:
            found.append(word)
    assert found == words
    assert framer.rest() == b""


@given(st.binary(max_size=2000))
def test_noise_is_refused_with_an_error_of_ours_and_little_is_held(noise: bytes) -> None:
    framer = Framer()
    framer.feed(noise)
    if outcome_of(framer) == "more":
        assert len(framer.rest()) < 6 + MAX_BODY_BYTES


@given(WORDS, st.data())
def test_a_word_with_a_flipped_byte_is_another_word_or_an_error_of_ours(word: Word, data: st.DataObject) -> None:
    packed = bytearray(pack(word))
    packed[data.draw(st.integers(0, len(packed) - 1))] ^= data.draw(st.integers(1, 255))
    framer = Framer()
    framer.feed(bytes(packed))
    assert outcome_of(framer) in {"more", "reverse-malformed", "reverse-version"}


@given(st.lists(st.integers(0, 3000), max_size=12), st.binary(max_size=50))
def test_a_camera_is_welcomed_and_what_follows_belongs_to_rtsp(cuts: list[int], rtsp: bytes) -> None:
    camera, server = both()
    claim: Claim | None = None
    for piece in pieces(camera.start("test"), cuts):
        claim = server.feed(piece)
    assert claim is None
    for piece in pieces(server.to_send(), cuts):
        assert camera.feed(piece) is None
    for piece in pieces(camera.to_send(), cuts):
        claim = server.feed(piece)
    message = signed_words("cam_door", FINGERPRINT, SERVER_NONCE, CAMERA_NONCE)
    assert claim == Claim("cam_door", "test", message, sign(message))
    answer = camera.feed(pack(Welcome(5)) + rtsp)
    assert (answer, camera.rest()) == (Welcome(5), rtsp)


def test_what_is_signed_depends_on_each_of_its_parts() -> None:
    whole = signed_words("cam_a", FINGERPRINT, SERVER_NONCE, CAMERA_NONCE)
    others = {
        signed_words("cam_b", FINGERPRINT, SERVER_NONCE, CAMERA_NONCE),
        signed_words("cam_a", b"g" * 32, SERVER_NONCE, CAMERA_NONCE),
        signed_words("cam_a", FINGERPRINT, b"t" * 32, CAMERA_NONCE),
        signed_words("cam_a", FINGERPRINT, SERVER_NONCE, b"d" * 32),
    }
    assert len(others | {whole}) == 5


def test_a_camera_signs_one_challenge_only() -> None:
    camera, _ = both()
    camera.feed(pack(Challenge(SERVER_NONCE)))
    with pytest.raises(PeerError):
        camera.feed(pack(Challenge(b"t" * 32)))


@pytest.mark.parametrize("word", [Welcome(1), Elsewhere("host", 1, FINGERPRINT), Knock("cam_a", CAMERA_NONCE)])
def test_a_camera_takes_no_welcome_and_no_redirect_from_a_server_that_asked_for_no_proof(word: Word) -> None:
    camera, _ = both()
    with pytest.raises(PeerError):
        camera.feed(pack(word))


@pytest.mark.parametrize("answer", [Later("busy", 5), Refused("unknown"), Elsewhere("a.b", 8341, FINGERPRINT)])
def test_the_last_word_of_the_server_reaches_the_camera(answer: Word) -> None:
    camera, _ = both()
    camera.feed(pack(Challenge(SERVER_NONCE)))
    assert camera.feed(pack(answer)) == answer


@pytest.mark.parametrize(
    "said",
    [
        pack(Proof(b"p" * 64)),
        pack(Knock("cam_a", CAMERA_NONCE)) * 2,
        pack(Knock("cam_a", CAMERA_NONCE)) + pack(Proof(b"p" * 64)) + b"OPTIONS",
        pack(Welcome(1)),
        b"OPTIONS rtsp://camera/main RTSP/1.0\r\n",
        b"HR\x01\x01\xff\xff",
        b"HR\x01\x63\x00\x00",
    ],
)
def test_a_server_hangs_up_on_words_out_of_place_giant_lengths_and_other_protocols(said: bytes) -> None:
    _, server = both()
    with pytest.raises(PeerError) as caught:
        server.feed(said)
    assert caught.value.code == "reverse-malformed"


def test_who_speaks_before_the_answer_is_hung_up_on() -> None:
    _, server = both()
    assert server.feed(pack(Knock("cam_a", CAMERA_NONCE)) + pack(Proof(b"p" * 64))) is not None
    with pytest.raises(PeerError):
        server.feed(b"x")


def test_another_version_is_told_so() -> None:
    camera, server = both()
    with pytest.raises(UnknownVersion):
        server.feed(b"HR\x02\x01\x00\x00")
    assert camera.feed(server.to_send()) == Refused("version")
