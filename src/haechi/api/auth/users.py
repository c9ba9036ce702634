"""Users and what they may see."""

from collections.abc import Sequence

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection

from haechi.api.auth.principal import Role, User
from haechi.api.auth.tables import devices, grants, read_tokens, sessions, users, wall_layouts
from haechi.base.clock import Clock
from haechi.base.errors import Conflict, Invalid, NotFound
from haechi.base.ids import CameraId, UserId, new_id
from haechi.store.database import Database

LONGEST_NAME = 64
MOST_USERS = 10_000


class UserChange(Struct, frozen=True):
    """What to change; None leaves a thing as it is. A new ``password_hash`` ends the user's other sessions."""

    role: Role | None = None
    cameras: tuple[CameraId, ...] | None = None
    password_hash: str | None = None
    may_speak: bool | None = None


def user_name(text: str) -> str:
    """A name that can be shown and typed again.

    Raises:
        Invalid: ``bad-user-name``.
    """
    name = " ".join(text.split())
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise Invalid(f"a user needs a name of 1 to {LONGEST_NAME} printable characters", code="bad-user-name")
    return name


def not_found() -> NotFound:
    """The answer about a user who is not there."""
    return NotFound("no such user", code="user-not-found")


class UserStore:
    """Users in the database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def is_empty(self) -> bool:
        """Whether nobody has been set up yet."""
        return await self._database.read(lambda c: count_users(c) == 0)

    async def list(self) -> Sequence[User]:
        """Everybody, by name."""
        return await self._database.read(
            lambda c: [user_of(c, row) for row in c.execute(sa.select(users).order_by(users.c.name_key)).all()]
        )

    async def get(self, user_id: UserId) -> User:
        """One user.

        Raises:
            NotFound: ``user-not-found``.
        """
        return await self._database.read(lambda c: _get(c, user_id))

    async def stored_hash(self, name: str) -> tuple[UserId, str] | None:
        """Who is called ``name``, and the hash of the password; None when nobody is."""
        query = sa.select(users.c.id, users.c.password_hash).where(users.c.name_key == name_key(name))
        row = await self._database.read(lambda c: c.execute(query).one_or_none())
        return None if row is None else (UserId(row[0]), row[1])

    async def hash_of(self, user_id: UserId) -> str | None:
        """The hash of a user's password."""
        query = sa.select(users.c.password_hash).where(users.c.id == user_id)
        return await self._database.read(lambda c: c.execute(query).scalar_one_or_none())

    async def add(
        self, name: str, password_hash: str, role: Role, cameras: Sequence[CameraId] = (), *, may_speak: bool = False
    ) -> User:
        """Add a user.

        Raises:
            Conflict: ``user-exists``: the name is taken (upper and lower case are the same).
            Invalid: The name cannot be taken.
        """
        shown = user_name(name)
        now_ns = self._clock.wall_ns()
        rights = (role, cameras, may_speak)
        return await self._database.write(lambda c: insert_user(c, shown, password_hash, rights, now_ns))

    async def update(self, user_id: UserId, change: UserChange, *, keep_session: str | None = None) -> User:
        """Change a user. After a change of password all sessions of the user end, but for ``keep_session``.

        Raises:
            NotFound: No such user.
            Conflict: ``last-admin``: nobody would be left who can let others in.
        """

        def work(connection: Connection) -> User:
            before = _get(connection, user_id)
            role = change.role or before.role
            if before.role == "admin" and role != "admin":
                _require_another_admin(connection, user_id)
            may_speak = before.may_speak if change.may_speak is None else change.may_speak
            values = {"role": role, "may_speak": may_speak}
            connection.execute(users.update().where(users.c.id == user_id).values(values))
            if change.cameras is not None:
                _set_grants(connection, user_id, change.cameras)
            if change.password_hash is not None:
                connection.execute(
                    users.update().where(users.c.id == user_id).values(password_hash=change.password_hash)
                )
                others = sa.and_(sessions.c.user == user_id, sessions.c.token_hash != (keep_session or ""))
                connection.execute(sessions.delete().where(others))
                connection.execute(devices.delete().where(devices.c.user == user_id))
            return _get(connection, user_id)

        return await self._database.write(work)

    async def delete(self, user_id: UserId) -> None:
        """Remove a user, and all sessions, read tokens and layouts of theirs.

        Raises:
            NotFound: No such user.
            Conflict: ``last-admin``.
        """

        def work(connection: Connection) -> None:
            if _get(connection, user_id).role == "admin":
                _require_another_admin(connection, user_id)
            for table in (sessions, devices, read_tokens, wall_layouts, grants):
                connection.execute(table.delete().where(table.c.user == user_id))
            connection.execute(users.delete().where(users.c.id == user_id))

        await self._database.write(work)

    async def forget_camera(self, camera: CameraId) -> None:
        """Take a deleted camera out of everybody's grants."""
        await self._database.write(lambda c: c.execute(grants.delete().where(grants.c.camera == camera)))


def name_key(name: str) -> str:
    """What names are compared by."""
    return " ".join(name.split()).casefold()[:200]


def count_users(connection: Connection) -> int:
    """How many users there are."""
    return connection.execute(sa.select(sa.func.count()).select_from(users)).scalar_one()


def insert_user(
    connection: Connection, name: str, password_hash: str, rights: tuple[Role, Sequence[CameraId], bool], now_ns: int
) -> User:
    """Insert within a transaction that somebody else began.

    Args:
        rights: The role; for a viewer, which cameras, and whether they may be spoken to.
    """
    role, cameras, may_speak = rights
    taken = connection.execute(sa.select(users.c.id).where(users.c.name_key == name_key(name))).one_or_none()
    if taken is not None:
        raise Conflict("this user name is taken", code="user-exists")
    if count_users(connection) >= MOST_USERS:
        raise Conflict("one server holds no more users", code="too-many-users", limit=MOST_USERS)
    user_id = UserId(new_id("usr"))
    row: dict[str, object] = {"id": user_id, "name": name, "name_key": name_key(name), "role": role}
    row |= {"password_hash": password_hash, "created_ns": now_ns, "may_speak": may_speak}
    connection.execute(users.insert().values(row))
    _set_grants(connection, user_id, cameras)
    return _get(connection, user_id)


def user_of(connection: Connection, row: sa.Row[tuple[object, ...]]) -> User:
    """The user in a row of `users`, with the grants."""
    fields = row._mapping
    role: Role = fields["role"]
    query = sa.select(grants.c.camera).where(grants.c.user == fields["id"]).order_by(grants.c.camera)
    cameras = () if role == "admin" else tuple(CameraId(c) for c in connection.execute(query).scalars())
    return User(
        id=UserId(fields["id"]),
        name=fields["name"],
        role=role,
        created_ns=fields["created_ns"],
        cameras=cameras,
        may_speak=role == "admin" or bool(fields["may_speak"]),
    )


def _get(connection: Connection, user_id: UserId) -> User:
    row = connection.execute(sa.select(users).where(users.c.id == user_id)).one_or_none()
    if row is None:
        raise not_found()
    return user_of(connection, row)


def _set_grants(connection: Connection, user_id: UserId, cameras: Sequence[CameraId]) -> None:
    connection.execute(grants.delete().where(grants.c.user == user_id))
    for camera in sorted(set(cameras)):
        connection.execute(grants.insert().values(user=user_id, camera=camera))


def _require_another_admin(connection: Connection, user_id: UserId) -> None:
    others = sa.and_(users.c.role == "admin", users.c.id != user_id)
    if connection.execute(sa.select(users.c.id).where(others).limit(1)).one_or_none() is None:
        raise Conflict("this is the last administrator; make another one first", code="last-admin")
