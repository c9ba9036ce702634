"""Cameras that are published, as JSON."""

from haechi.api.shapes.fields import Shape


class PublishOut(Shape):
    """Where such a camera is published, and what is known of its publisher.

    ``port`` is that of UDP, null while nobody listens. ``who`` is the user who publishes; null for the bearer of the
    camera's token. ``rivals`` counts those who were sent away because somebody published already.
    """

    listening: bool
    port: int | None
    path: str
    issued_ms: int | None
    peer: str | None
    who: str | None
    connected_ms: int | None
    rivals: int
    rival_peer: str | None
    rival_ms: int | None


class PublishToken(Shape):
    """A new token. It is shown here and never again; the one before is worth nothing from now on."""

    token: str
    publish: PublishOut
