"""The registry of cameras: which there are, where they are, and that somebody changed one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Literal

import sqlalchemy as sa
from msgspec import Struct, structs
from sqlalchemy import Connection, Row

from haechi.base.clock import Clock
from haechi.base.errors import Conflict, Invalid, NotFound
from haechi.base.ids import CameraId, new_id
from haechi.fleet.address import PHONE, CameraAddress, parse_address
from haechi.fleet.push_clients import push_clients
from haechi.fleet.tables import cameras, dial_keys, phones
from haechi.store.database import Database

Transport = Literal["tcp", "udp", "auto"]
MOST_CAMERAS = 10_000
POLL_S = 2.0
"""How often the list is read again: the command line writes to the same database from another process."""


class Camera(Struct, frozen=True):
    """One camera as configured. What it does at the moment is `haechi.ingest.manager.IngestStatus`.

    Attributes:
        address: Where it is. Its credentials go to the camera and nowhere else.
        transport: How RTP travels: ``tcp`` (interleaved), ``udp``, or ``auto`` (TCP, and UDP when it insists).
        audio: Whether sound is taken in at all. Off by default: recording voices needs a reason (CONTRACT S11).
        position: Order in lists.
    """

    id: CameraId
    name: str
    address: CameraAddress
    transport: Transport = "auto"
    enabled: bool = True
    audio: bool = False
    created_ns: int = 0
    position: int = 0

    @property
    def redacted_url(self) -> str:
        return self.address.url

    @property
    def has_credentials(self) -> bool:
        return bool(self.address.username)


class CameraChange(Struct, frozen=True):
    """What to change; None leaves a thing as it is. A new URL without user info keeps the credentials."""

    name: str | None = None
    url: str | None = None
    username: str | None = None
    password: str | None = None
    transport: Transport | None = None
    enabled: bool | None = None
    audio: bool | None = None
    position: int | None = None


def fresh_id() -> CameraId:
    """The id of a camera that nobody has seen before."""
    return CameraId(new_id("cam"))


class CameraRegistry:
    """Cameras in the database, and who wants to hear of changes.

    Args:
        make_id: Gives the id of a camera that is added.
    """

    def __init__(self, database: Database, clock: Clock, make_id: Callable[[], CameraId] = fresh_id) -> None:
        self._database = database
        self._clock = clock
        self._make_id = make_id
        self._watchers: list[asyncio.Event] = []

    async def list(self) -> Sequence[Camera]:
        """All cameras in the order of the lists."""
        query = sa.select(cameras).order_by(cameras.c.position, cameras.c.created_ns, cameras.c.id)
        rows = await self._database.read(lambda c: c.execute(query).all())
        return [_camera(row) for row in rows]

    async def get(self, camera_id: CameraId) -> Camera:
        """One camera.

        Raises:
            NotFound: ``camera-not-found``.
        """
        query = sa.select(cameras).where(cameras.c.id == camera_id)
        row = await self._database.read(lambda c: c.execute(query).one_or_none())
        if row is None:
            raise NotFound("no such camera", code="camera-not-found")
        return _camera(row)

    async def add(
        self,
        name: str,
        url: str,
        *,
        credentials: tuple[str, str] = ("", ""),
        transport: Transport = "auto",
        audio: bool = False,
        enabled: bool = True,
    ) -> Camera:
        """Add a camera; it is connected to at once when ``enabled``.

        Args:
            credentials: User name and password; an empty user name leaves those of the URL, if any.

        Raises:
            Invalid: The name is empty or the URL cannot be used.
            Conflict: ``camera-exists``: there is a camera of this id already.
        """
        address = parse_address(url)
        if address.is_phone:
            raise _by_pairing()
        if credentials[0]:
            address = address.with_credentials(*credentials)
        draft = Camera(CameraId(""), _name(name), address, transport=transport, audio=audio, enabled=enabled)
        return await self._add(draft)

    async def add_phone(self, name: str) -> Camera:
        """Add a phone that was paired. Raises as `add` does."""
        return await self._add(Camera(CameraId(""), _name(name), parse_address(PHONE)))

    async def _add(self, draft: Camera) -> Camera:
        camera_id = self._make_id()

        def insert(connection: Connection) -> Camera:
            count = connection.execute(sa.select(sa.func.count()).select_from(cameras)).scalar_one()
            if count >= MOST_CAMERAS:
                raise Invalid("one server holds no more cameras", code="too-many-cameras", limit=MOST_CAMERAS)
            if connection.execute(sa.select(cameras.c.id).where(cameras.c.id == camera_id)).first() is not None:
                raise Conflict("there is a camera of this id already", code="camera-exists", camera=camera_id)
            camera = structs.replace(draft, id=camera_id, created_ns=self._clock.wall_ns(), position=count)
            connection.execute(cameras.insert().values(**_columns(camera)))
            return camera

        camera = await self._database.write(insert)
        self._changed()
        return camera

    async def update(self, camera_id: CameraId, change: CameraChange) -> Camera:
        """Change a camera; its connection is made anew only when the address, transport or audio changed.

        Raises:
            NotFound: No such camera.
            Invalid: A value cannot be taken.
        """
        before = await self.get(camera_id)
        after = structs.replace(
            before,
            name=before.name if change.name is None else _name(change.name),
            address=_changed_address(before.address, change),
            transport=change.transport or before.transport,
            enabled=before.enabled if change.enabled is None else change.enabled,
            audio=before.audio if change.audio is None else change.audio,
            position=before.position if change.position is None else change.position,
        )
        statement = cameras.update().where(cameras.c.id == camera_id).values(**_columns(after))
        await self._database.write(lambda c: c.execute(statement))
        self._changed()
        return after

    async def delete(self, camera_id: CameraId) -> None:
        """Remove a camera. Its recordings stay until retention takes them.

        Raises:
            NotFound: No such camera.
        """

        def remove(connection: Connection) -> int:
            connection.execute(dial_keys.delete().where(dial_keys.c.camera == camera_id))
            connection.execute(phones.delete().where(phones.c.camera == camera_id))
            connection.execute(push_clients.update().where(push_clients.c.camera == camera_id).values(camera=""))
            return connection.execute(cameras.delete().where(cameras.c.id == camera_id)).rowcount

        if await self._database.write(remove) == 0:
            raise NotFound("no such camera", code="camera-not-found")
        self._changed()

    async def watch(self) -> AsyncGenerator[Sequence[Camera], None]:
        """The list now, and again after each change: at once for ours, within 2 s for another process's."""
        event = asyncio.Event()
        self._watchers.append(event)
        before: Sequence[Camera] | None = None
        try:
            while True:
                event.clear()
                now = await self.list()
                if now != before:
                    before = now
                    yield now
                await self._changed_or_polled(event)
        finally:
            self._watchers.remove(event)

    async def _changed_or_polled(self, event: asyncio.Event) -> None:
        tasks = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(self._clock.sleep(POLL_S))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    def _changed(self) -> None:
        for event in self._watchers:
            event.set()


def _changed_address(before: CameraAddress, change: CameraChange) -> CameraAddress:
    address = before
    if change.url is not None:
        address = parse_address(change.url)
        if address.is_phone != before.is_phone:
            raise _by_pairing()
        same_host = (address.host, address.port) == (before.host, before.port)
        if not address.username and same_host:
            address = address.with_credentials(before.username, before.password)
    if change.username is not None or change.password is not None:
        username = address.username if change.username is None else change.username
        address = address.with_credentials(username, change.password or "" if username else "")
    return address


def _by_pairing() -> Invalid:
    message = "a phone becomes a camera by pairing, and stays one: pair it, or add the other camera beside it"
    return Invalid(message, code="phone-is-paired")


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not 1 <= len(name) <= 120 or not name.isprintable():
        raise Invalid("a camera needs a name of 1 to 120 printable characters", code="bad-camera-name")
    return name


def _columns(camera: Camera) -> dict[str, object]:
    return {
        "id": camera.id,
        "name": camera.name,
        "url": camera.address.secret_url(),
        "transport": camera.transport,
        "enabled": camera.enabled,
        "audio": camera.audio,
        "created_ns": camera.created_ns,
        "position": camera.position,
    }


def _camera(row: Row[tuple[object, ...]]) -> Camera:
    fields = row._mapping
    return Camera(
        id=CameraId(fields["id"]),
        name=fields["name"],
        address=parse_address(fields["url"]),
        transport=fields["transport"],
        enabled=fields["enabled"],
        audio=fields["audio"],
        created_ns=fields["created_ns"],
        position=fields["position"],
    )
