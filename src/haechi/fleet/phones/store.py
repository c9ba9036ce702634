"""Pairing: a code that one person reads and another device types, and the token that it gets for it, kept as hashes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import sqlalchemy as sa
from msgspec import Struct

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import Conflict, Invalid, NotFound
from haechi.base.ids import CameraId, is_id, new_id
from haechi.fleet.address import PHONE, PHONE_RECORDED
from haechi.fleet.cameras import Camera, CameraChange, CameraRegistry
from haechi.fleet.phones.codes import LONGEST_TOKEN, digest_of, new_code, new_token, plain_code
from haechi.fleet.phones.messages import PhoneSettings, PhoneState, encode, parse_state
from haechi.fleet.phones.signalling import Booth
from haechi.fleet.tables import phone_pairings, phones
from haechi.store.database import Database

LIFE_NS = 600 * NS_PER_S
MOST_PAIRINGS = 20
"""Codes that wait at a time: each one more makes guessing easier."""
KEPT_NS = 24 * 3600 * NS_PER_S


class Pairing(Struct, frozen=True):
    """A code that waits, or waited. ``camera`` is what came of it; empty: nothing yet."""

    id: str
    name: str
    expires_ns: int
    state: Literal["waiting", "paired", "expired"]
    camera: str = ""


class Paired(Struct, frozen=True):
    """What a phone gets for a code. The token can be read only here."""

    camera: Camera
    token: str

    def __repr__(self) -> str:
        return f"Paired({self.camera.id!r})"


class Phone(Struct, frozen=True):
    """What is stored of a camera that is a phone.

    Attributes:
        token_sha256: Of its token; empty: there is none, and the phone must be paired again.
        state_ns: When ``state`` was told; 0: never yet.
    """

    camera: Camera
    token_sha256: bytes = b""
    paired_ns: int = 0
    state: PhoneState | None = None
    state_ns: int = 0

    @property
    def settings(self) -> PhoneSettings:
        """As the phone is told."""
        return settings_of(self.camera)

    def __repr__(self) -> str:
        return f"Phone({self.camera.id!r}, is_paired={bool(self.token_sha256)})"

    def booth(self) -> Booth:
        """As the switchboard knows it, before the phone comes."""
        booth = Booth(self.camera.name, self.settings, self.state, self.state_ns)
        booth.is_paired = bool(self.token_sha256)
        return booth


def settings_of(camera: Camera) -> PhoneSettings:
    """What is switched for a camera that is a phone."""
    return PhoneSettings(record=camera.address.url == PHONE_RECORDED, enabled=camera.enabled)


def not_a_phone() -> NotFound:
    """The answer about a camera that is no phone."""
    return NotFound("this camera is no phone", code="camera-not-a-phone")


class PhoneStore:
    """Codes and phones in the database."""

    def __init__(self, database: Database, registry: CameraRegistry, clock: Clock) -> None:
        self._database = database
        self._registry = registry
        self._clock = clock

    # -- pairing -----------------------------------------------------------------------------------------------------
    async def begin(self, name: str, camera: Camera | None = None) -> tuple[Pairing, str]:
        """A new pairing and its code, which can be read only here.

        Args:
            camera: The camera that the phone is to be from now on; None: a new one.

        Raises:
            NotFound: ``camera-not-a-phone``.
            Conflict: ``too-many-pairings``.
        """
        if camera is not None and not camera.address.is_phone:
            raise not_a_phone()
        code, now_ns = new_code(), self._clock.wall_ns()
        pairing = Pairing(new_id("pair"), name, now_ns + LIFE_NS, "waiting")
        row = {
            "id": pairing.id,
            "code_sha256": digest_of(plain_code(code)),
            "name": name,
            "for_camera": camera.id if camera is not None else "",
            "expires_ns": pairing.expires_ns,
            "is_used": False,
            "camera": "",
        }
        table = phone_pairings.c

        def insert(connection: sa.Connection) -> None:
            connection.execute(phone_pairings.delete().where(table.expires_ns < now_ns - KEPT_NS))
            waiting = sa.select(sa.func.count()).where(table.expires_ns > now_ns, table.is_used.is_(False))
            if connection.execute(waiting).scalar_one() >= MOST_PAIRINGS:
                message = "too many codes wait for a phone; use one of them, or wait some minutes"
                raise Conflict(message, code="too-many-pairings", limit=MOST_PAIRINGS)
            connection.execute(phone_pairings.insert().values(row))

        await self._database.write(insert)
        return pairing, code

    async def pairing(self, pairing: str) -> Pairing:
        """How it stands.

        Raises:
            NotFound: ``pairing-not-found``.
        """
        query = sa.select(phone_pairings).where(phone_pairings.c.id == pairing)
        row = await self._database.read(lambda c: c.execute(query).one_or_none()) if is_id(pairing, "pair") else None
        if row is None:
            raise NotFound("there is no such pairing; begin a new one", code="pairing-not-found")
        fields = row._mapping
        state: Literal["waiting", "paired", "expired"] = "waiting"
        if fields["camera"]:
            state = "paired"
        elif fields["expires_ns"] <= self._clock.wall_ns():
            state = "expired"
        return Pairing(fields["id"], fields["name"], fields["expires_ns"], state, fields["camera"])

    async def pair(self, code: str, name: str = "") -> Paired:
        """Use a code up: the phone is a camera from now on. Whatever token it had before is worth nothing.

        Args:
            name: What the phone calls itself; counts where nobody named it before.

        Raises:
            Invalid: ``bad-pairing-code``, or the name cannot be taken.
            NotFound: ``wrong-pairing-code``: there is none, it was used, or its ten minutes are over.
        """
        pairing, given, for_camera = await self._claim(digest_of(plain_code(code)))
        try:
            if for_camera:
                camera = await self._registry.get(CameraId(for_camera))
            else:
                camera = await self._registry.add_phone(given or name or "Phone")
        except (Invalid, NotFound, Conflict):
            await self._release(pairing)
            raise
        token = new_token()
        row = {
            "camera": camera.id,
            "token_sha256": digest_of(token),
            "paired_ns": self._clock.wall_ns(),
            "state": b"",
            "state_ns": 0,
        }
        used = phone_pairings.update().where(phone_pairings.c.id == pairing).values(camera=camera.id)

        def replace(connection: sa.Connection) -> None:
            connection.execute(phones.delete().where(phones.c.camera == camera.id))
            connection.execute(phones.insert().values(row))
            connection.execute(used)

        await self._database.write(replace)
        return Paired(camera, token)

    async def unpair(self, camera: CameraId) -> None:
        """The phone's token is worth nothing from now on. The camera and its footage stay."""
        await self._database.write(lambda c: c.execute(phones.delete().where(phones.c.camera == camera)))

    # -- phones ------------------------------------------------------------------------------------------------------
    async def admits(self, token: str) -> Phone | None:
        """Whose token it is."""
        if len(token) > LONGEST_TOKEN:
            return None
        digest = digest_of(token)
        query = sa.select(phones.c.camera).where(phones.c.token_sha256 == digest)
        camera = await self._database.read(lambda c: c.execute(query).scalar_one_or_none())
        if camera is None:
            return None
        try:
            phone = await self.phone(await self._registry.get(CameraId(camera)))
        except NotFound:
            return None
        return phone if phone.token_sha256 == digest else None

    async def phone(self, camera: Camera) -> Phone:
        """What is stored of one.

        Raises:
            NotFound: ``camera-not-a-phone``.
        """
        if not camera.address.is_phone:
            raise not_a_phone()
        return (await self._with_rows([camera]))[0]

    async def list(self) -> Sequence[Phone]:
        """All of them, in the order of the cameras."""
        return await self._with_rows([camera for camera in await self._registry.list() if camera.address.is_phone])

    async def keep_state(self, camera: CameraId, state: PhoneState, told_ns: int) -> None:
        """Store how the phone was."""
        values = {"state": encode(state), "state_ns": told_ns}
        await self._database.write(
            lambda c: c.execute(phones.update().where(phones.c.camera == camera).values(**values))
        )

    async def record(self, camera: CameraId, *, is_on: bool) -> Camera:
        """Have the phone publish to this server as well, to be recorded; or not any more."""
        return await self._registry.update(camera, CameraChange(url=PHONE_RECORDED if is_on else PHONE))

    # -- inside ------------------------------------------------------------------------------------------------------
    async def _claim(self, digest: bytes) -> tuple[str, str, str]:
        """Whoever comes first has it: id, name, and the camera that it is for."""
        table, now_ns = phone_pairings.c, self._clock.wall_ns()
        open_one = (table.code_sha256 == digest, table.is_used.is_(False), table.expires_ns > now_ns)

        def claim(connection: sa.Connection) -> tuple[str, str, str] | None:
            row = connection.execute(sa.select(table.id, table.name, table.for_camera).where(*open_one)).one_or_none()
            if row is None:
                return None
            is_mine = connection.execute(phone_pairings.update().where(*open_one).values(is_used=True)).rowcount == 1
            return (row.id, row.name, row.for_camera) if is_mine else None

        found = await self._database.write(claim)
        if found is None:
            message = "this code is wrong, was used, or is older than ten minutes; make a new one"
            raise NotFound(message, code="wrong-pairing-code")
        return found

    async def _release(self, pairing: str) -> None:
        statement = phone_pairings.update().where(phone_pairings.c.id == pairing).values(is_used=False)
        await self._database.write(lambda c: c.execute(statement))

    async def _with_rows(self, cameras: Sequence[Camera]) -> Sequence[Phone]:
        rows = await self._database.read(lambda c: c.execute(sa.select(phones)).all())
        by_camera = {row.camera: row for row in rows}
        found = []
        for camera in cameras:
            row = by_camera.get(camera.id)
            if row is None:
                found.append(Phone(camera))
            else:
                found.append(Phone(camera, row.token_sha256, row.paired_ns, parse_state(row.state), row.state_ns))
        return found
