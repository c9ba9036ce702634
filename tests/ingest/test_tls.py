"""TLS from bytes to bytes, against Python's own client."""

import datetime as dt
import ssl
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haechi.base.errors import PeerError
from haechi.fleet.certificate import load_identity, own_certificate
from haechi.ingest.tls import TlsPipe

NOW = dt.datetime.now(dt.UTC)


class Client:
    """A client without a socket."""

    def __init__(self, most: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.maximum_version = most
        self.into, self.out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.into, self.out)

    def shake(self, pipe: TlsPipe) -> None:
        for _ in range(6):
            try:
                self.tls.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                done = False
            assert pipe.feed(self.out.read()) == b""
            self.into.write(pipe.to_send())
            if done:
                return
        raise AssertionError("the handshake does not end")


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    path: Path = tmp_path_factory.mktemp("tls") / "one.pem"
    own_certificate(path, NOW)
    return load_identity(path).context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_sides_hear_each_other_and_the_end(context: ssl.SSLContext, version: ssl.TLSVersion) -> None:
    pipe, client = TlsPipe(context), Client(version)
    client.shake(pipe)
    client.tls.write(b"a" * 100_000)
    client.tls.write(b"b")
    assert pipe.feed(client.out.read()) == b"a" * 100_000 + b"b"
    client.into.write(pipe.write(b"answer"))
    assert client.tls.read(100) == b"answer"
    with pytest.raises(ssl.SSLWantReadError):
        client.tls.unwrap()
    assert pipe.feed(client.out.read()) == b""
    assert pipe.is_closed


@settings(deadline=None, max_examples=40)
@given(cuts=st.lists(st.integers(0, 5000), max_size=20), size=st.integers(0, 4000))
def test_what_is_said_does_not_depend_on_the_chunks(context: ssl.SSLContext, cuts: list[int], size: int) -> None:
    pipe, client = TlsPipe(context), Client()
    client.shake(pipe)
    said = bytes(range(256)) * (size // 256 + 1)
    client.tls.write(said)
    wire = client.out.read()
    edges = sorted({0, len(wire), *(cut % (len(wire) + 1) for cut in cuts)})
    assert b"".join(pipe.feed(wire[a:b]) for a, b in pairwise(edges)) == said


@settings(deadline=None, max_examples=40)
@given(noise=st.binary(min_size=6, max_size=500))
def test_what_is_no_tls_is_an_error_of_ours(context: ssl.SSLContext, noise: bytes) -> None:
    pipe = TlsPipe(context)
    try:
        assert pipe.feed(b"\0" + noise) == b""
    except PeerError as error:
        found = error.code
    else:
        found = "tls-failed"
    assert found == "tls-failed"


def test_a_record_that_was_tampered_with_is_refused(context: ssl.SSLContext) -> None:
    pipe, client = TlsPipe(context), Client()
    client.shake(pipe)
    client.tls.write(b"words")
    wire = bytearray(client.out.read())
    wire[-1] ^= 1
    with pytest.raises(PeerError) as caught:
        pipe.feed(bytes(wire))
    assert caught.value.code == "tls-failed"


def test_nothing_can_be_said_before_the_handshake(context: ssl.SSLContext) -> None:
    with pytest.raises(PeerError):
        TlsPipe(context).write(b"early")
