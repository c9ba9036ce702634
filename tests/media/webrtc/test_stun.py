"""STUN and ICE lite. The first vector is that of RFC 5769 section 2.1."""

import contextlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.errors import PeerError
from haechi.media.webrtc import stun
from haechi.media.webrtc.ice import WAY_SILENT_NS, Credentials, IceLite, local_name

RFC_5769_REQUEST = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff80290008932ff9b1"
    "51263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf"
)
RFC_5769_PASSWORD = "VOkJxbRl1RmTxUk/WvJxBt"
TRANSACTION = bytes(range(12))
OURS, THEIRS = Credentials("ours", "p" * 24), Credentials("theirs", "q" * 24)
PLACE = ("192.0.2.7", 40_000)


def check(*, ours: Credentials = OURS, theirs: Credentials = THEIRS, nominates: bool = True, role: int = 0) -> bytes:
    """What a browser sends."""
    attributes = {stun.USERNAME: f"{ours.ufrag}:{theirs.ufrag}".encode(), stun.PRIORITY: bytes(4)}
    attributes[role or stun.ICE_CONTROLLING] = bytes(8)
    if nominates:
        attributes[stun.USE_CANDIDATE] = b""
    return stun.build(stun.BINDING_REQUEST, TRANSACTION, attributes, ours.password)


def test_the_request_of_rfc_5769_is_read_and_its_signature_is_good() -> None:
    message = stun.parse(RFC_5769_REQUEST)
    assert (message.kind, message.username) == (stun.BINDING_REQUEST, "evtj:h6vY")
    assert message.is_signed_by(RFC_5769_PASSWORD)
    assert not message.is_signed_by(RFC_5769_PASSWORD + "!")


@pytest.mark.parametrize(
    ("host", "port", "wire"),
    [
        ("192.0.2.1", 32853, "0001a147e112a643"),
        ("2001:db8:1234:5678:11:2233:4455:6677", 32853, "0002a1470113a9faa5d3f179bc25f4b5bed2b9d9"),
    ],
)
def test_addresses_are_hidden_as_in_rfc_5769(host: str, port: int, wire: str) -> None:
    transaction = RFC_5769_REQUEST[8:20]
    assert stun.xor_address(host, port, transaction).hex() == wire
    assert stun.address_of(bytes.fromhex(wire), transaction) == (host, port)


def test_a_mapped_address_is_told_as_the_plain_one() -> None:
    mapped = stun.xor_address("::ffff:192.0.2.1", 9, TRANSACTION)
    assert stun.address_of(mapped, TRANSACTION) == ("192.0.2.1", 9)


@given(st.binary(max_size=200))
def test_noise_is_refused_or_read_but_never_breaks_the_reader(data: bytes) -> None:
    for candidate in (data, b"\x00\x01" + data, RFC_5769_REQUEST[:20] + data):
        with contextlib.suppress(PeerError):
            stun.parse(candidate)


@given(st.integers(0, (len(RFC_5769_REQUEST) - 8) * 8 - 1))
def test_a_bit_that_flipped_is_noticed(bit: int) -> None:
    flipped = bytearray(RFC_5769_REQUEST)
    flipped[bit // 8] ^= 1 << bit % 8
    try:
        message = stun.parse(bytes(flipped))
    except PeerError:
        return
    assert not message.is_signed_by(RFC_5769_PASSWORD)


@given(st.dictionaries(st.sampled_from([stun.USERNAME, stun.PRIORITY, stun.USE_CANDIDATE]), st.binary(max_size=40)))
def test_what_is_built_is_read_back(attributes: dict[int, bytes]) -> None:
    message = stun.parse(stun.build(stun.BINDING_REQUEST, TRANSACTION, attributes, "password"))
    assert message.is_signed_by("password")
    assert {kind: message.attributes[kind] for kind in attributes} == attributes


def test_what_follows_the_signature_does_not_count() -> None:
    data = stun.build(stun.BINDING_REQUEST, TRANSACTION, {stun.USERNAME: b"ours:theirs"}, "password")[:-8]
    forged = data + b"\x00\x25\x00\x00"
    forged = forged[:2] + (len(forged) - 20 + 8).to_bytes(2, "big") + forged[4:]
    forged += b"\x80\x28\x00\x04" + (zlib.crc32(forged) ^ 0x5354554E).to_bytes(4, "big")
    message = stun.parse(forged)
    assert message.is_signed_by("password")
    assert stun.USE_CANDIDATE not in message.attributes


def test_a_check_is_answered_and_nominates_its_way() -> None:
    ice = IceLite(OURS, THEIRS)
    message = stun.parse(check())
    assert local_name(message) == "ours"
    answer = stun.parse(ice.answer(message, PLACE, 7))
    assert (answer.kind, answer.transaction) == (stun.BINDING_SUCCESS, TRANSACTION)
    assert answer.is_signed_by(OURS.password)
    assert stun.address_of(answer.attributes[stun.XOR_MAPPED_ADDRESS], TRANSACTION) == PLACE
    assert (ice.way, ice.heard_ns, list(ice.addresses)) == (PLACE, 7, [PLACE])


def test_a_check_that_nominates_nothing_opens_the_way_and_does_not_take_it() -> None:
    ice = IceLite(OURS, THEIRS)
    assert ice.answer(stun.parse(check(nominates=False)), PLACE, 1)
    assert ice.way is None
    assert PLACE in ice.addresses


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Credentials("ours", "x" * 24), THEIRS),
        (OURS, Credentials("others", "q" * 24)),
        (Credentials("other", "p" * 24), THEIRS),
    ],
)
def test_who_does_not_know_the_password_or_the_names_is_not_answered(ours: Credentials, theirs: Credentials) -> None:
    ice = IceLite(OURS, THEIRS)
    assert ice.answer(stun.parse(check(ours=ours, theirs=theirs)), PLACE, 1) == b""
    assert not ice.addresses


def test_another_lite_agent_is_told_of_the_conflict() -> None:
    ice = IceLite(OURS, THEIRS)
    answer = stun.parse(ice.answer(stun.parse(check(role=stun.ICE_CONTROLLED)), PLACE, 1))
    assert answer.kind == stun.BINDING_ERROR
    assert not ice.addresses


def test_a_restart_takes_new_names_and_knows_the_old_ones_for_a_while() -> None:
    ice = IceLite(OURS, THEIRS)
    pairs = [(Credentials(f"our{n}", f"{n}" * 24), Credentials(f"their{n}", f"{n}" * 24)) for n in range(4)]
    dropped = [ice.restart(*pair) for pair in pairs]
    assert dropped == [[], [], ["ours"], ["our0"]]
    assert ice.answer(stun.parse(check(ours=pairs[3][0], theirs=pairs[3][1])), PLACE, 1)
    assert ice.answer(stun.parse(check(ours=pairs[1][0], theirs=pairs[1][1])), PLACE, 1)
    assert not ice.answer(stun.parse(check()), PLACE, 1)


def test_a_peer_that_comes_from_everywhere_keeps_its_way() -> None:
    ice = IceLite(OURS, THEIRS)
    ice.answer(stun.parse(check()), PLACE, 1)
    for port in range(50):
        ice.answer(stun.parse(check(nominates=False)), ("192.0.2.9", port), 1)
    assert len(ice.addresses) == 8
    assert ice.way in ice.addresses


def test_a_way_that_a_router_forgot_is_followed_to_where_the_checks_come_from_now() -> None:
    """Not all nominate again: their address is the same to them."""
    ice, elsewhere = IceLite(OURS, THEIRS), ("192.0.2.9", 4712)
    ice.answer(stun.parse(check()), PLACE, 0)
    ice.answer(stun.parse(check(nominates=False)), elsewhere, WAY_SILENT_NS)
    assert ice.way == PLACE
    ice.answer(stun.parse(check(nominates=False)), elsewhere, WAY_SILENT_NS + 1)
    assert ice.way == elsewhere
