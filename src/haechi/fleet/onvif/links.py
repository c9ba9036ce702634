"""Which cameras speak ONVIF, and where. The host is the camera's own: it moves with the address, and so do credentials.

A password that was given for a host never goes to another one, whatever is stored here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection, Row

from haechi.base.errors import Invalid
from haechi.base.ids import CameraId
from haechi.fleet.cameras import Camera
from haechi.fleet.onvif.media import is_token
from haechi.fleet.onvif.place import Place
from haechi.fleet.sub_streams import SubStreamStore
from haechi.store.database import Database, metadata

onvif_links = sa.Table(
    "onvif_links",
    metadata,
    sa.Column("camera", sa.String(40), primary_key=True),
    sa.Column("port", sa.Integer, nullable=False),
    sa.Column("path", sa.String(512), nullable=False),
    sa.Column("is_tls", sa.Boolean, nullable=False),
    sa.Column("profile", sa.String(64), nullable=False, comment="the device's token for the stream"),
)


class Link(Struct, frozen=True):
    """Where a camera's device service is on its host, and which of its profiles is the stream that we take."""

    port: int
    path: str
    is_tls: bool
    profile: str

    def place(self, camera: Camera) -> Place:
        """The whole address."""
        return Place(camera.address.host, self.port, self.path, self.is_tls)


def link_for(url: str, profile: str, host: str) -> Link:
    """The link of a camera whose stream comes from ``host``.

    Raises:
        Invalid: ``bad-onvif-url``, ``onvif-other-host``, ``bad-onvif-profile``.
    """
    place = Place.parse(url)
    if place.host.lower() != host.lower():
        message = "the stream and the ONVIF service must be on the same host: they share a password"
        raise Invalid(message, code="onvif-other-host", stream=host, onvif=place.host)
    if not is_token(profile):
        raise Invalid("a profile has 1 to 64 printable characters", code="bad-onvif-profile")
    return Link(place.port, place.path, place.is_tls, profile)


class LinkStore:
    """The links in the database.

    Attributes:
        sub_streams: The smaller streams of the same cameras.
    """

    def __init__(self, database: Database) -> None:
        self.sub_streams = SubStreamStore(database)
        self._database = database
        self._listeners: list[Callable[[], None]] = []

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` after each change."""
        self._listeners.append(listener)

    async def get(self, camera: CameraId) -> Link | None:
        """The link of a camera; None when it was not added over ONVIF."""
        query = sa.select(onvif_links).where(onvif_links.c.camera == camera)
        row = await self._database.read(lambda c: c.execute(query).one_or_none())
        return None if row is None else _link(row)

    async def all(self) -> Mapping[CameraId, Link]:
        """All links."""
        rows = await self._database.read(lambda c: c.execute(sa.select(onvif_links)).all())
        return {CameraId(row._mapping["camera"]): _link(row) for row in rows}

    async def put(self, camera: CameraId, link: Link) -> None:
        """Set the link of a camera."""

        def work(connection: Connection) -> None:
            connection.execute(onvif_links.delete().where(onvif_links.c.camera == camera))
            values = {"port": link.port, "path": link.path, "is_tls": link.is_tls, "profile": link.profile}
            connection.execute(onvif_links.insert().values(camera=camera, **values))

        await self._database.write(work)
        self._changed()

    async def forget(self, camera: CameraId) -> None:
        """Remove the link of a camera."""
        statement = onvif_links.delete().where(onvif_links.c.camera == camera)
        await self._database.write(lambda c: c.execute(statement))
        await self.sub_streams.put(camera, None)
        self._changed()

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()


def _link(row: Row[tuple[object, ...]]) -> Link:
    fields = row._mapping
    return Link(fields["port"], fields["path"], fields["is_tls"], fields["profile"])
