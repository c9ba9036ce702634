"""Talking to cameras as JSON: what stands in the way, and the words on the WebSocket."""

from typing import Annotated, Literal

from pydantic import Field

from haechi.api.shapes.fields import Input, Shape


class TalkOut(Shape):
    """Whether the caller can speak to a camera now.

    ``why`` not: ``may-not-speak``, ``camera-off``, ``camera-offline``, ``no-back-channel``, ``back-channel-codec``.
    """

    possible: bool
    why: str | None
    speaking: Annotated[str | None, Field(description="Who speaks to it at this moment; one at a time can")]


class TalkIn(Input):
    """The first message of a page: it will send 20 ms of sound a message, 160 bytes of mu-law at 8 kHz."""

    type: Literal["talk"]
    codec: Literal["pcmu"] = "pcmu"


class StopIn(Input):
    """The last message of a page: what it has sent is still said."""

    type: Literal["stop"]


class TalkingMessage(Shape):
    """The camera listens. ``codec`` is what it is sent."""

    type: Literal["talking"] = "talking"
    codec: Literal["pcmu", "pcma"]
    limit_s: int


class EndedMessage(Shape):
    """All was said."""

    type: Literal["ended"] = "ended"
    seconds: float


class RefusedMessage(Shape):
    """Speaking is over, or never began; ``who``: who speaks, where that is why. The connection is closed after it."""

    type: Literal["error"] = "error"
    code: str
    message: str
    who: str | None = None
