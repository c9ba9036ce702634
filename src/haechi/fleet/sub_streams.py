"""The smaller stream of a camera, where it is known: for who needs no more pixels (small tiles, detection).

Only port, path and form are stored: the host and the credentials are the camera's own, as with its ONVIF link.
"""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection, Row

from haechi.base.errors import Invalid
from haechi.base.ids import CameraId
from haechi.fleet.address import CameraAddress
from haechi.media.url import RTSP_PORTS, Url
from haechi.store.database import Database, metadata

LONGEST_PATH = 1024
sub_streams = sa.Table(
    "sub_streams",
    metadata,
    sa.Column("camera", sa.String(40), primary_key=True),
    sa.Column("port", sa.Integer, nullable=False),
    sa.Column("path", sa.String(LONGEST_PATH), nullable=False, comment="with the query"),
    sa.Column("is_tls", sa.Boolean, nullable=False),
    sa.Column("codec", sa.String(16), nullable=False),
    sa.Column("width_px", sa.Integer, nullable=False),
    sa.Column("height_px", sa.Integer, nullable=False),
    sa.Column("fps", sa.Float, nullable=False, comment="0: the device does not say"),
)


class SubStream(Struct, frozen=True):
    """Where it is on the camera's host, and what it was when it was stored."""

    port: int
    path: str
    is_tls: bool
    codec: str
    width_px: int
    height_px: int
    fps: float = 0.0

    def address(self, camera: CameraAddress) -> CameraAddress:
        """The whole address, with the camera's credentials."""
        host = f"[{camera.host}]" if ":" in camera.host else camera.host
        url = f"{'rtsps' if self.is_tls else 'rtsp'}://{host}:{self.port}{self.path}"
        return CameraAddress(url, camera.host, self.port, self.is_tls, camera.username, camera.password)


def sub_stream_for(url: str, camera: CameraAddress, codec: str, size_px: tuple[int, int], fps: float) -> SubStream:
    """The smaller stream of a camera at this address.

    Raises:
        Invalid: ``bad-url``; ``sub-stream-other-host``: it is on another host, which is not to get the password.
    """
    parsed = Url.parse(url)
    if parsed.host.lower() != camera.host.lower() or camera.url.partition(":")[0] not in RTSP_PORTS:
        message = "the smaller stream must be on the host of the camera's own stream: they share a password"
        raise Invalid(message, code="sub-stream-other-host", host=parsed.host)
    path = "/" + parsed.uri.partition("://")[2].partition("/")[2]
    if len(path) > LONGEST_PATH:
        raise Invalid("the address is too long", code="bad-url", limit=LONGEST_PATH)
    return SubStream(parsed.port, path, parsed.is_tls, codec, *size_px, fps)


class SubStreamStore:
    """The smaller streams in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> Mapping[CameraId, SubStream]:
        """Of every camera that has one."""
        rows = await self._database.read(lambda c: c.execute(sa.select(sub_streams)).all())
        return {CameraId(row._mapping["camera"]): _stream(row) for row in rows}

    async def get(self, camera: CameraId) -> SubStream | None:
        """That of a camera; None when none is known."""
        query = sa.select(sub_streams).where(sub_streams.c.camera == camera)
        row = await self._database.read(lambda c: c.execute(query).one_or_none())
        return None if row is None else _stream(row)

    async def put(self, camera: CameraId, stream: SubStream | None) -> None:
        """Set it; None: there is none any more."""

        def work(connection: Connection) -> None:
            connection.execute(sub_streams.delete().where(sub_streams.c.camera == camera))
            if stream is not None:
                values = {name: getattr(stream, name) for name in stream.__struct_fields__}
                connection.execute(sub_streams.insert().values(camera=camera, **values))

        await self._database.write(work)


def _stream(row: Row[tuple[object, ...]]) -> SubStream:
    fields = row._mapping
    return SubStream(
        port=fields["port"],
        path=fields["path"],
        is_tls=bool(fields["is_tls"]),
        codec=fields["codec"],
        width_px=fields["width_px"],
        height_px=fields["height_px"],
        fps=fields["fps"],
    )
