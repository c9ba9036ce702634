"""Cameras that dial out to us, as JSON."""

from haechi.api.shapes.fields import Shape


class DialMemory(Shape):
    """What a camera keeps on its own disk while it cannot reach us.

    ``waiting_ms`` of it are being brought in now. ``lost_units`` gave way to newer ones before we had them.
    """

    bytes: int
    limit_bytes: int
    waiting_ms: int
    lost_units: int


class DialOut(Shape):
    """How a camera that dials out finds us, and what is known of its dialling.

    ``port`` and ``pin`` are null while nobody listens. ``rivals`` counts devices that were sent away because this
    camera was connected already: somebody else may have its token. ``sent_to`` is the media server to which the camera
    was sent when it dialled last; null when it is here, or was. ``memory`` is null where the camera has none.
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
    sent_to: str | None
    sent_ms: int | None
    memory: DialMemory | None


class DialToken(Shape):
    """A new token. It is shown here and never again; the one before is worth nothing from now on."""

    token: str
    dial: DialOut
