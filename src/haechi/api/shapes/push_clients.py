"""Clients of the result socket, as JSON."""

from pydantic import Field

from haechi.api.shapes.fields import Shape
from haechi.base.clock import NS_PER_MS
from haechi.fleet.push_clients import LONGEST_NAME, PushClient
from haechi.ingest.rtp_push.berths import ClientReport, StreamReport


class PushStreamOut(Shape):
    """A stream that is open. ``camera`` is null where it is judged only."""

    stream: str
    camera: str | None
    codec: str
    transport: str
    source: str
    units: int
    lost_packets: int
    modules: list[str]

    @classmethod
    def of(cls, report: StreamReport) -> "PushStreamOut":
        """The same as JSON."""
        return cls(
            stream=report.stream,
            camera=report.camera or None,
            codec=report.codec,
            transport=report.transport,
            source=report.source,
            units=report.units,
            lost_packets=report.lost_packets,
            modules=list(report.modules),
        )


class ConnectionOut(Shape):
    """A connection of a client."""

    peer: str
    software: str
    streams: list[PushStreamOut]

    @classmethod
    def of(cls, report: ClientReport) -> "ConnectionOut":
        """The same as JSON."""
        streams = [PushStreamOut.of(stream) for stream in report.streams]
        return cls(peer=report.peer, software=report.software, streams=streams)


class PushClientOut(Shape):
    """Somebody who may push. ``camera`` is the camera that its stream is; null: it is judged only."""

    id: str
    name: str
    created_ms: int
    camera: str | None
    connections: list[ConnectionOut]

    @classmethod
    def of(cls, client: PushClient, reports: list[ClientReport]) -> "PushClientOut":
        """The same as JSON; of ``reports`` those that are its."""
        return cls(
            id=client.id,
            name=client.name,
            created_ms=client.created_ns // NS_PER_MS,
            camera=client.camera or None,
            connections=[ConnectionOut.of(report) for report in reports if report.client == client.id],
        )


class PushClientList(Shape):
    """Who may push, and where. ``port`` and ``pin`` are null while nobody listens (``push.enabled``)."""

    listening: bool
    host: str | None
    port: int | None
    pin: str | None
    clients: list[PushClientOut]


class PushClientAdd(Shape):
    """A new client. With ``camera`` its stream is one: a new one, or ``camera_id``, which no other client pushes."""

    name: str = Field(min_length=1, max_length=LONGEST_NAME)
    camera: bool = False
    camera_id: str | None = Field(None, pattern=r"^cam_[a-z0-9]{3,32}$")


class PushClientPatch(Shape):
    """Whether a client's stream is a camera. Its connections end, and may come again."""

    camera: bool
    camera_id: str | None = Field(None, pattern=r"^cam_[a-z0-9]{3,32}$")


class PushClientNew(Shape):
    """A new client, and its token: it is shown here and never again."""

    client: PushClientOut
    token: str
    pin: str | None
