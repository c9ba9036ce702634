"""Sessions: a random cookie whose hash is in the database. Ended there, ended everywhere, at the next request."""

from collections.abc import Collection, Mapping

import sqlalchemy as sa
from sqlalchemy import Connection

from haechi.api.auth.principal import Principal
from haechi.api.auth.tables import devices, sessions, users
from haechi.api.auth.tokens import LONGEST_TOKEN, csrf_of, hash_of, new_token
from haechi.api.auth.users import user_of
from haechi.base.clock import NS_PER_S, Clock
from haechi.base.ids import UserId
from haechi.store.database import Database

_DAY_NS = 86_400 * NS_PER_S
IDLE_NS = 7 * _DAY_NS
"""A session that nobody used for so long is over."""
LIFETIME_NS = 30 * _DAY_NS
"""No session lives longer, used or not."""
DEVICE_LIFETIME_NS = 180 * _DAY_NS
TOUCH_NS = 300 * NS_PER_S
"""`seen_ns` is written at most this often: a page makes many requests, and each write is an fsync."""
MOST_PER_USER = 50


_SESSION = (
    sa.select(users, sessions.c.created_ns.label("session_ns"), sessions.c.seen_ns)
    .join_from(sessions, users, sessions.c.user == users.c.id)
    .where(sessions.c.token_hash == sa.bindparam("name"))
)


class SessionStore:
    """Sessions in the database. Not cached: what is revoked is gone with the next look."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def create(self, user_id: UserId) -> str:
        """Begin a session with a token that nobody knew before; returns the token for the cookie."""
        token = new_token()
        now_ns = self._clock.wall_ns()

        def insert(connection: Connection) -> None:
            _purge(connection, now_ns)
            mine = sa.select(sessions.c.token_hash).where(sessions.c.user == user_id)
            surplus = connection.execute(mine.order_by(sessions.c.seen_ns.desc()).offset(MOST_PER_USER - 1)).scalars()
            connection.execute(sessions.delete().where(sessions.c.token_hash.in_(list(surplus))))
            row = {"token_hash": hash_of(token), "user": user_id, "created_ns": now_ns, "seen_ns": now_ns}
            connection.execute(sessions.insert().values(**row))

        await self._database.write(insert)
        return token

    async def find(self, token: str) -> Principal | None:
        """Who the token stands for; None when it stands for nobody (any more). Counts as use."""
        if not 0 < len(token) <= LONGEST_TOKEN:
            return None
        now_ns = self._clock.wall_ns()
        found = await self._database.read(lambda c: _look_up(c, hash_of(token), now_ns))
        if found is None:
            return None
        row, principal = found
        if now_ns - row.seen_ns > TOUCH_NS:
            await self._touch(principal.session, now_ns)
        return Principal(principal.user, principal.session, csrf_of(token), principal.expires_ns)

    async def still(self, principal: Principal) -> Principal | None:
        """The same session as it is now, with the grants of now; None when it has ended. Counts as use."""
        now = (await self.living([principal.session])).get(principal.session)
        return None if now is None else Principal(now.user, now.session, principal.csrf, now.expires_ns)

    async def living(self, wanted: Collection[str]) -> Mapping[str, Principal]:
        """Those of the sessions, named by their hashes, that have not ended, in one look. Counts as use of each.

        The principals carry no ``csrf``: only who holds the token has that.
        """
        now_ns = self._clock.wall_ns()
        found = await self._database.read(lambda c: {name: _look_up(c, name, now_ns) for name in wanted})
        living = {name: one for name, one in found.items() if one is not None}
        for name, (row, _) in living.items():
            if now_ns - row.seen_ns > TOUCH_NS:
                await self._touch(name, now_ns)
        return {name: principal for name, (_, principal) in living.items()}

    async def revoke(self, session: str) -> None:
        """End one session, named by its hash."""
        await self._database.write(lambda c: c.execute(sessions.delete().where(sessions.c.token_hash == session)))

    async def revoke_user(self, user_id: UserId) -> None:
        """End all sessions of a user."""
        await self._database.write(lambda c: c.execute(sessions.delete().where(sessions.c.user == user_id)))

    async def know_device(self, user_id: UserId) -> str:
        """Remember that this user logged in from this device; returns the token for its cookie."""
        token = new_token()
        row = {"token_hash": hash_of(token), "user": user_id, "created_ns": self._clock.wall_ns()}
        await self._database.write(lambda c: c.execute(devices.insert().values(**row)))
        return token

    async def knows_device(self, token: str, user_id: UserId) -> bool:
        """Whether the user logged in from here before."""
        if not 0 < len(token) <= LONGEST_TOKEN:
            return False
        mine = sa.and_(devices.c.token_hash == hash_of(token), devices.c.user == user_id)
        return await self._database.read(lambda c: c.execute(sa.select(devices).where(mine)).one_or_none() is not None)

    async def _touch(self, session: str, now_ns: int) -> None:
        statement = sessions.update().where(sessions.c.token_hash == session).values(seen_ns=now_ns)
        await self._database.write(lambda c: c.execute(statement))


class _Found:
    """The two times of a session that was found."""

    __slots__ = ("created_ns", "seen_ns")

    def __init__(self, created_ns: int, seen_ns: int) -> None:
        self.created_ns = created_ns
        self.seen_ns = seen_ns


def _look_up(connection: Connection, token_hash: str, now_ns: int) -> tuple[_Found, Principal] | None:
    row = connection.execute(_SESSION, {"name": token_hash}).one_or_none()
    if row is None or now_ns - row.session_ns > LIFETIME_NS or now_ns - row.seen_ns > IDLE_NS:
        return None
    principal = Principal(user_of(connection, row), token_hash, "", row.session_ns + LIFETIME_NS)
    return _Found(row.session_ns, row.seen_ns), principal


def _purge(connection: Connection, now_ns: int) -> None:
    over = sa.or_(sessions.c.created_ns < now_ns - LIFETIME_NS, sessions.c.seen_ns < now_ns - IDLE_NS)
    connection.execute(sessions.delete().where(over))
    connection.execute(devices.delete().where(devices.c.created_ns < now_ns - DEVICE_LIFETIME_NS))
