"""One tree of errors. A class is a condition, its text a sentence for a person, its keywords the context.

The edge maps the classes to HTTP once (RFC 9457); the adapters wrap what their vendors raise.
"""

from collections.abc import Mapping

Context = str | int | float | bool | None


class HaechiError(Exception):
    """The root. ``code`` is stable and documented in docs/ref/errors.md; ``detail`` says what to do.

    Attributes:
        code: A stable, machine-readable condition such as ``rtsp-unauthorized``.
        message: One sentence: what happened and, where it is known, what to do.
        context: Facts as keywords. Never a secret: URLs go in without user info.
    """

    default_code = "error"

    def __init__(self, message: str, *, code: str | None = None, **context: Context) -> None:
        super().__init__(message)
        self.code = code or self.default_code
        self.message = message
        self.context: Mapping[str, Context] = context

    def __str__(self) -> str:
        facts = " ".join(f"{key}={value}" for key, value in self.context.items())
        return f"{self.message} ({facts})" if facts else self.message


class Invalid(HaechiError):
    """The caller's input cannot be taken as it is."""

    default_code = "invalid"


class Denied(HaechiError):
    """The caller may not do this."""

    default_code = "denied"


class NotFound(HaechiError):
    """No such thing, or none that the caller may know of."""

    default_code = "not-found"


class Conflict(HaechiError):
    """The request contradicts the present state."""

    default_code = "conflict"


class Unavailable(HaechiError):
    """Something outside does not answer now; trying later may help."""

    default_code = "unavailable"


class PeerError(HaechiError):
    """The other side sent nonsense or broke a limit.

    Attributes:
        offset: Byte position in the stream or buffer where it was seen, so that it can be found in a capture.
    """

    default_code = "peer-error"

    def __init__(self, message: str, *, offset: int, code: str | None = None, **context: Context) -> None:
        super().__init__(message, code=code, offset=offset, **context)
        self.offset = offset


class DataLoss(HaechiError):
    """Something that was stored cannot be read back as it was."""

    default_code = "data-loss"
