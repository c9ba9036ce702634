"""Digest (RFC 2617 and RFC 7616: MD5, SHA-256 and their session forms) and Basic (RFC 7617) authentication."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, Self

from msgspec import Struct, structs

from haechi.base.errors import Denied

_SCHEME = re.compile(r"(?:^|,)\s*(Digest|Basic)\s", re.IGNORECASE)
_PARAM = re.compile(r'([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
_MAX_CHARS = 4096
MOST_401 = 2


class Challenge(Struct, frozen=True):
    """What a server asks for. ``algorithm`` is upper case, ``MD5`` when it does not say; `nonce` is empty in Basic."""

    scheme: str
    realm: str
    nonce: str = ""
    algorithm: str = "MD5"
    opaque: str = ""
    qop: str = ""
    stale: bool = False

    @property
    def strength(self) -> int:
        """0: cannot be answered. Then Basic, MD5, SHA-256."""
        if self.scheme == "basic":
            return 1
        base = self.algorithm.removesuffix("-SESS")
        usable = base in _HASHES and bool(self.nonce) and (not self.qop or "auth" in _tokens(self.qop))
        return {"MD5": 2, "SHA-256": 3}[base] if usable else 0


class Credentials(Struct, frozen=True):
    """Who asks. Its text form says nothing."""

    username: str
    password: str

    def __repr__(self) -> str:
        return "Credentials(***)"


def _tokens(text: str) -> list[str]:
    return [token.strip().lower() for token in text.split(",")]


def _params(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for match in _PARAM.finditer(text):
        quoted, bare = match[2], match[3]
        found.setdefault(match[1].lower(), bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
    return found


def parse_challenges(values: Iterable[str]) -> list[Challenge]:
    """The challenges in WWW-Authenticate headers, several to a line or not; the strongest first."""
    found = [challenge for value in values for challenge in _split(value[:_MAX_CHARS])]
    return sorted((one for one in found if one.strength), key=lambda one: -one.strength)


def _split(value: str) -> Iterator[Challenge]:
    starts = list(_SCHEME.finditer(value))
    for index, match in enumerate(starts):
        end = starts[index + 1].start() if index + 1 < len(starts) else len(value)
        params = _params(value[match.end() : end])
        yield Challenge(
            match[1].lower(),
            params.get("realm", ""),
            params.get("nonce", ""),
            params.get("algorithm", "MD5").upper(),
            params.get("opaque", ""),
            params.get("qop", ""),
            params.get("stale", "").lower() == "true",
        )


def _hash(algorithm: str, text: str) -> str:
    return _HASHES[algorithm.removesuffix("-SESS")](text.encode("utf-8", "replace"), usedforsecurity=True).hexdigest()


def client_nonce(challenge: Challenge, who: Credentials, count: int) -> str:
    """A cnonce that is new with each request and that nobody can foretell who does not know the password."""
    return _hash("SHA-256", f"{count}:{who.username}:{challenge.realm}:{who.password}:{challenge.nonce}")[:16]


class Ha1(Protocol):
    """H(A1) of a user in hexadecimal (RFC 7616 section 3.4.2): what is kept where the password is not."""

    @property
    def md5(self) -> str: ...

    @property
    def sha256(self) -> str: ...


class DigestAnswer(Struct, frozen=True):
    """An Authorization header of Digest, taken apart. ``username`` may be anything."""

    username: str
    nonce: str
    uri: str
    response: str
    cnonce: str
    qop: str
    count: int

    @classmethod
    def parse(cls, header: str) -> Self | None:
        """Read a header; None: it is no Digest."""
        scheme, _, rest = header[:_MAX_CHARS].partition(" ")
        params = _params(rest)
        count = params.get("nc", "1")
        if scheme.lower() != "digest" or not re.fullmatch("[0-9a-fA-F]{1,8}", count):
            return None
        return cls(
            params.get("username", ""),
            params.get("nonce", ""),
            params.get("uri", ""),
            params.get("response", "").lower(),
            params.get("cnonce", ""),
            params.get("qop", ""),
            int(count, 16),
        )

    def proves(self, ha1: Ha1, challenge: Challenge, method: str) -> bool:
        """Whether it answers ``challenge``, in MD5 or SHA-256 as the length of the response says."""
        is_long = len(self.response) == 64
        asked = Challenge(challenge.scheme, challenge.realm, challenge.nonce, "SHA-256" if is_long else "MD5")
        asked = structs.replace(asked, qop="auth" if self.qop else "")
        first = ha1.sha256 if is_long else ha1.md5
        expected = _response(asked, first, method, self.uri, self.cnonce, self.count)
        is_fresh = hmac.compare_digest(self.nonce.encode("utf-8", "replace"), challenge.nonce.encode())
        return hmac.compare_digest(self.response.encode("utf-8", "replace"), expected.encode()) and is_fresh


def basic_password(header: str) -> str | None:
    """The password of an Authorization header of Basic; None: it is none."""
    scheme, _, value = header[:_MAX_CHARS].partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def digest_response(
    challenge: Challenge, who: Credentials, method: str, uri: str, *, cnonce: str = "", count: int = 1
) -> str:
    """The ``response`` of RFC 7616 section 3.4.1 (without qop: RFC 2617 section 3.2.2.1)."""
    first = _hash(challenge.algorithm, f"{who.username}:{challenge.realm}:{who.password}")
    return _response(challenge, first, method, uri, cnonce, count)


def _response(challenge: Challenge, first: str, method: str, uri: str, cnonce: str, count: int) -> str:
    algorithm = challenge.algorithm
    if algorithm.endswith("-SESS"):
        first = _hash(algorithm, f"{first}:{challenge.nonce}:{cnonce}")
    second = _hash(algorithm, f"{method}:{uri}")
    if challenge.qop:
        return _hash(algorithm, f"{first}:{challenge.nonce}:{count:08x}:{cnonce}:auth:{second}")
    return _hash(algorithm, f"{first}:{challenge.nonce}:{second}")


def authorization(
    challenge: Challenge, who: Credentials, method: str, uri: str, *, cnonce: str = "", count: int = 1
) -> str:
    """The value of the Authorization header that answers ``challenge``."""
    if challenge.scheme == "basic":
        return "Basic " + base64.b64encode(f"{who.username}:{who.password}".encode("utf-8", "replace")).decode()
    response = digest_response(challenge, who, method, uri, cnonce=cnonce, count=count)
    parts = [
        ("username", who.username),
        ("realm", challenge.realm),
        ("nonce", challenge.nonce),
        ("uri", uri),
        ("response", response),
    ]
    if challenge.opaque:
        parts.append(("opaque", challenge.opaque))
    text = ", ".join(f'{name}="{_quote(value)}"' for name, value in parts)
    if challenge.algorithm != "MD5":
        text += f", algorithm={challenge.algorithm}"
    if challenge.qop or challenge.algorithm.endswith("-SESS"):
        text += f', cnonce="{cnonce}"'
    if challenge.qop:
        text += f", qop=auth, nc={count:08x}"
    return f"Digest {text}"


def _quote(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


def verify(header: str, challenge: Challenge, who: Credentials, method: str) -> bool:
    """Whether an Authorization header answers ``challenge`` with the right user name and password.

    The uri inside the header is believed, as clients write it in many forms; what is asked for is decided elsewhere.
    """
    if challenge.scheme == "basic":
        return hmac.compare_digest(
            header.encode("utf-8", "replace"), authorization(challenge, who, method, "").encode()
        )
    scheme, _, rest = header[:_MAX_CHARS].partition(" ")
    params = _params(rest)
    count = params.get("nc", "1")
    if scheme.lower() != "digest" or params.get("nonce") != challenge.nonce or not re.fullmatch("[0-9a-fA-F]+", count):
        return False
    asked = challenge if params.get("qop") else _without_qop(challenge)
    cnonce, uri = params.get("cnonce", ""), params.get("uri", "")
    expected = digest_response(asked, who, method, uri, cnonce=cnonce, count=int(count, 16))
    same_user = hmac.compare_digest(
        params.get("username", "").encode("utf-8", "replace"), who.username.encode("utf-8", "replace")
    )
    return (
        hmac.compare_digest(params.get("response", "").lower().encode("utf-8", "replace"), expected.encode())
        and same_user
    )


def _without_qop(challenge: Challenge) -> Challenge:
    return Challenge(challenge.scheme, challenge.realm, challenge.nonce, challenge.algorithm, challenge.opaque)


def chosen(challenges: Sequence[Challenge], who: Credentials, refused: int, *, allow_basic: bool) -> Challenge:
    """The challenge to answer.

    Args:
        refused: How often the same request was refused by now.

    Raises:
        Denied: ``rtsp-unauthorized``, ``rtsp-basic-refused``.
    """
    is_stale = bool(challenges) and challenges[0].stale
    if not who.username:
        raise Denied("the camera asks for a user name and password", code="rtsp-unauthorized")
    if refused > MOST_401 or (refused == MOST_401 and not is_stale):
        raise Denied("the camera refuses this user name or password", code="rtsp-unauthorized")
    if not challenges:
        raise Denied("the camera asks for a log-in of a kind that is not supported", code="rtsp-unauthorized")
    if challenges[0].scheme == "basic" and not allow_basic:
        raise Denied(
            "the camera would take the password only in clear text; use rtsps:// or switch on Digest",
            code="rtsp-basic-refused",
        )
    return challenges[0]
