"""Both sides of the greeting as machines: bytes in, bytes and conclusions out. No sockets, no clock, no keys."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from haechi.base.errors import PeerError
from haechi.media.reverse.wire import (
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

Answer = Welcome | Later | Elsewhere | Refused
"""The server's last word."""
Sign = Callable[[bytes], bytes]


class Claim(Struct, frozen=True):
    """Somebody says to be ``camera``; it is true when ``signature`` is that camera's over ``message``."""

    camera: str
    software: str
    message: bytes
    signature: bytes


class CameraGreeting:
    """The camera's side of one connection.

    Args:
        nonce: 32 fresh random bytes.
        fingerprint: SHA-256 of the certificate that this very connection showed.
        sign: Ed25519 with the key of the token.
    """

    def __init__(self, camera: str, nonce: bytes, fingerprint: bytes, sign: Sign) -> None:
        self._camera = camera
        self._nonce = nonce
        self._fingerprint = fingerprint
        self._sign = sign
        self._framer = Framer()
        self._out = b""
        self._is_signed = False

    def start(self, software: str = "") -> bytes:
        """The first words."""
        return pack(Knock(self._camera, self._nonce, software[:64]))

    def to_send(self) -> bytes:
        """What is to be sent now; call it after each `feed`."""
        out, self._out = self._out, b""
        return out

    def feed(self, data: bytes) -> Answer | None:
        """Take received bytes; give the server's last word when it is there. After `Welcome`, see `rest`.

        Raises:
            PeerError: ``reverse-malformed``, ``reverse-version``: what answers is no Haechi, or another one.
        """
        self._framer.feed(data)
        while (word := self._framer.next()) is not None:
            match word:
                case Challenge(nonce) if not self._is_signed:
                    self._is_signed = True
                    message = signed_words(self._camera, self._fingerprint, nonce, self._nonce)
                    self._out += pack(Proof(self._sign(message)))
                case Welcome() if self._is_signed:
                    return word
                case Later() | Refused():
                    return word
                case Elsewhere() if self._is_signed:
                    return word
                case _:
                    raise _out_of_place(word)
        return None

    def rest(self) -> bytes:
        """What came behind `Welcome`: the first bytes of RTSP."""
        return self._framer.rest()


class ServerGreeting:
    """The server's side of one connection.

    Args:
        nonce: 32 fresh random bytes.
        fingerprint: SHA-256 of our certificate.
    """

    def __init__(self, nonce: bytes, fingerprint: bytes) -> None:
        self._nonce = nonce
        self._fingerprint = fingerprint
        self._framer = Framer()
        self._out = b""
        self._knock: Knock | None = None
        self._is_claimed = False

    def to_send(self) -> bytes:
        """What is to be sent now; call it after each `feed`."""
        out, self._out = self._out, b""
        return out

    def feed(self, data: bytes) -> Claim | None:
        """Take received bytes; give what is claimed once all of it is there.

        Raises:
            UnknownVersion: ``reverse-version``; `to_send` says so to the other side.
            PeerError: ``reverse-malformed``: hang up.
        """
        if self._is_claimed:
            raise PeerError("who dials speaks before it was answered", offset=0, code="reverse-malformed")
        self._framer.feed(data)
        try:
            while (word := self._framer.next()) is not None:
                claim = self._on_word(word)
                if claim is not None:
                    return claim
        except UnknownVersion:
            self._out += pack(Refused("version"))
            raise
        return None

    def _on_word(self, word: Word) -> Claim | None:
        match word:
            case Knock() if self._knock is None:
                self._knock = word
                self._out += pack(Challenge(self._nonce))
                return None
            case Proof(signature) if self._knock is not None and not self._framer.rest():
                self._is_claimed = True
                knock = self._knock
                message = signed_words(knock.camera, self._fingerprint, self._nonce, knock.nonce)
                return Claim(knock.camera, knock.software, message, signature)
            case _:
                raise _out_of_place(word)


def _out_of_place(word: Word) -> PeerError:
    message = "a word of the greeting is out of place"
    return PeerError(message, offset=0, code="reverse-malformed", word=type(word).__name__)
