"""Cameras that dial out to us, as JSON."""

from haechi.api.shapes.fields import Shape


class DialOut(Shape):
    """How a camera that dials out finds us, and what is known of its dialling.

    ``port`` and ``pin`` are null while nobody listens. ``rivals`` counts devices that were sent away because this
    camera was connected already: somebody else may have its token.
    """

    listening: bool
    host: str | None
    port: int | None
    pin: str | None
    issued_ms: int | None
    peer: str | None
    connected_ms: int | None
    rivals: int
    rival_peer: str | None
    rival_ms: int | None


class DialToken(Shape):
    """A new token. It is shown here and never again; the one before is worth nothing from now on."""

    token: str
    dial: DialOut
