"""Digest and Basic, with the vectors of RFC 2617 and RFC 7616."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.media.rtsp.auth import Challenge, Credentials, authorization, digest_response, parse_challenges, verify

RFC_7616 = {
    "MD5": "8ca523f5e9506fed4657c9700eebdbec",
    "SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
}


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_the_vectors_of_rfc_7616_section_3_9_1(algorithm: str) -> None:
    nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
    opaque = "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"
    text = (
        f'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, '
        f'nonce="{nonce}", opaque="{opaque}"'
    )
    (challenge,) = parse_challenges([text])
    who = Credentials("Mufasa", "Circle of Life")
    cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    assert digest_response(challenge, who, "GET", "/dir/index.html", cnonce=cnonce) == RFC_7616[algorithm]
    header = authorization(challenge, who, "GET", "/dir/index.html", cnonce=cnonce)
    assert f'opaque="{opaque}"' in header
    assert verify(header, challenge, who, "GET")


def test_the_vector_of_rfc_2617_section_3_5() -> None:
    challenge = Challenge("digest", "testrealm@host.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093", qop="auth")
    who = Credentials("Mufasa", "Circle Of Life")
    response = digest_response(challenge, who, "GET", "/dir/index.html", cnonce="0a4f113b")
    assert response == "6629fae49393a05397450978507c4ef1"


def test_the_vector_of_rfc_7617_section_2() -> None:
    challenge = Challenge("basic", "WallyWorld")
    who = Credentials("Aladdin", "open sesame")
    assert authorization(challenge, who, "GET", "/") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="


@pytest.mark.parametrize(
    "values",
    [
        ['Digest realm="a, b", nonce="1", algorithm=MD5', 'Digest realm="a, b", nonce="2", algorithm="SHA-256"'],
        ['Basic realm="x", Digest realm="a, b", nonce="2", algorithm=SHA-256'],
        ['Digest realm="a, b",nonce="2",algorithm=sha-256, Basic realm="x"'],
    ],
)
def test_the_strongest_of_several_challenges_is_taken(values: list[str]) -> None:
    best = parse_challenges(values)[0]
    assert (best.scheme, best.algorithm, best.nonce, best.realm) == ("digest", "SHA-256", "2", "a, b")


@pytest.mark.parametrize(
    "value",
    ["Negotiate", 'Digest realm="x", nonce="1", algorithm=MD4', 'Digest realm="x"', 'Digest nonce="1", qop="auth-int"'],
)
def test_challenges_that_cannot_be_answered_are_left_out(value: str) -> None:
    assert parse_challenges([value]) == []


def test_a_stale_nonce_is_told() -> None:
    assert parse_challenges(['Digest realm="x", nonce="1", stale=TRUE'])[0].stale


SHORT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(
    SHORT, SHORT, SHORT, st.sampled_from(["MD5", "SHA-256", "MD5-SESS", "SHA-256-SESS"]), st.sampled_from(["", "auth"])
)
def test_what_we_answer_we_accept_and_nothing_else(
    username: str, password: str, realm: str, algorithm: str, qop: str
) -> None:
    challenge = Challenge("digest", realm, "n0", algorithm, "", qop)
    who = Credentials(username, password)
    header = authorization(challenge, who, "PLAY", "rtsp://h/x", cnonce="c", count=3)
    assert verify(header, challenge, who, "PLAY")
    assert not verify(header, challenge, who, "SETUP")
    assert not verify(header, challenge, Credentials(username, password + "x"), "PLAY")
    assert not verify(header, challenge, Credentials(username + "x", password), "PLAY")
    assert not verify(header, Challenge("digest", realm, "n1", algorithm, "", qop), who, "PLAY")


@given(st.text(max_size=60))
def test_noise_is_no_log_in(text: str) -> None:
    for scheme in ("digest", "basic"):
        challenge = Challenge(scheme, "r", "n", "MD5", "", "auth")
        assert not verify(f"Digest {text}", challenge, Credentials("u", "p"), "PLAY")
    parse_challenges([text, f"Digest {text}", f"Basic {text}"])


def test_credentials_do_not_show_themselves() -> None:
    assert "canary" not in repr(Credentials("canary", "canary"))
