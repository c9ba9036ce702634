"""The one redactor: what is secret never reaches a log, an answer, a metric or an export (CONTRACT S9)."""

import logging
import re
from collections.abc import Mapping, MutableMapping

HIDDEN = "***"

_USER_INFO = re.compile(r"(?P<scheme>[a-z][a-z0-9+.\-]{1,15}://)[^\s\"'<>]*@", re.IGNORECASE)
"""User info of a URL anywhere in a text. Up to the *last* ``@``: a password may hold a raw ``@`` or ``/``, and hiding
a piece of a path costs less than showing a piece of a password."""
_HEADERS = re.compile(
    r"(?P<name>\b(?:proxy-)?authorization|\b(?:set-)?cookie|\bx-haechi-csrf)(?P<sep>\s*[:=]\s*)[^\r\n]+", re.IGNORECASE
)
_PAIRS = re.compile(
    r"(?P<name>\b(?:password|passwd|passphrase|secret|token|api_?key|session|csrf)\b)(?P<sep>[\"']?\s*[=:]\s*[\"']?)"
    r"[^\s&,;\"'}]+",
    re.IGNORECASE,
)
_OWN_TOKENS = re.compile(r"(?P<kind>h(?:rt|wt|pt|ph)_)[A-Za-z0-9_\-]{16,}")
"""Our own tokens say what they are, wherever they stand: of players, publishers, clients that push, and phones."""
_SECRET_KEYS = ("password", "passwd", "passphrase", "secret", "token", "cookie", "authorization", "csrf", "credential")
_DEPTH = 6


def redact_url(text: str) -> str:
    """``text`` with the user info taken out of every URL in it: ``rtsp://***@10.0.0.9/ch1``."""
    return _USER_INFO.sub(rf"\g<scheme>{HIDDEN}@", text)


def redact_text(text: str) -> str:
    """``text`` without user info in URLs, authorization and cookie headers, ``password=...`` pairs, and our tokens."""
    text = _HEADERS.sub(rf"\g<name>\g<sep>{HIDDEN}", redact_url(text))
    return _PAIRS.sub(rf"\g<name>\g<sep>{HIDDEN}", _OWN_TOKENS.sub(rf"\g<kind>{HIDDEN}", text))


def is_secret_name(name: str) -> bool:
    """Whether a value of this name is a secret whatever it looks like."""
    lowered = name.lower()
    return any(word in lowered for word in _SECRET_KEYS)


def redact_value(value: object, depth: int = _DEPTH) -> object:
    """``value`` with every text in it redacted; what is nested deeper than six levels is hidden."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str | bytes):
        return redact_text(value) if isinstance(value, str) else f"<{len(value)} bytes>"
    if depth == 0:
        return HIDDEN
    if isinstance(value, Mapping):
        return {key: _member(key, item, depth) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact_value(item, depth - 1) for item in value]
    return redact_text(str(value))


def redact_event(_logger: object, _method: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    """The structlog processor. Put it after the one that formats tracebacks and before the renderer."""
    for key, value in list(event.items()):
        if key in {"exc_info", "_record", "_from_structlog"}:
            continue
        event[key] = _member(key, value, _DEPTH)
    return event


class RedactingFilter(logging.Filter):
    """The same for the standard library's loggers (uvicorn, alembic): put it on the handlers."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record's message; it always passes."""
        record.msg = redact_text(record.getMessage())
        record.args = ()
        return True


def _member(key: object, value: object, depth: int) -> object:
    is_secret = isinstance(key, str) and is_secret_name(key) and not isinstance(value, bool | None)
    return HIDDEN if is_secret else redact_value(value, depth - 1)
