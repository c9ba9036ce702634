"""The first run: there is no default password, only a one-time link to make the first administrator (CONTRACT S1)."""

import sqlalchemy as sa
from sqlalchemy import Connection

from haechi.api.auth.principal import User
from haechi.api.auth.tables import setup_tokens
from haechi.api.auth.tokens import LONGEST_TOKEN, hash_of, new_token
from haechi.api.auth.users import count_users, insert_user, user_name
from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import Conflict, Denied
from haechi.store.database import Database

SETUP_TOKEN_BYTES = 16
LIFETIME_NS = 24 * 3600 * NS_PER_S


class SetupTokens:
    """One-time tokens of 128 bits; the database holds the hash of the last one."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def issue(self) -> str:
        """A fresh token, good for a day and one use; those before it are void. Show it to nobody but the operator.

        Raises:
            Conflict: ``already-set-up``: there are users, so an administrator lets people in.
        """
        token = new_token(SETUP_TOKEN_BYTES)
        row = {"token_hash": hash_of(token), "created_ns": self._clock.wall_ns()}

        def replace(connection: Connection) -> None:
            if count_users(connection):
                raise _already()
            connection.execute(setup_tokens.delete())
            connection.execute(setup_tokens.insert().values(**row))

        await self._database.write(replace)
        return token

    async def check(self, token: str) -> None:
        """Refuse a token that `redeem` would refuse, before the password is hashed for it.

        Raises:
            Conflict: ``already-set-up``.
            Denied: ``bad-setup-token``.
        """
        now_ns = self._clock.wall_ns()
        await self._database.read(lambda c: _require(c, token, now_ns))

    async def redeem(self, token: str, name: str, password_hash: str) -> User:
        """Make the first administrator and void the token, both or neither.

        Raises:
            Conflict: ``already-set-up``.
            Denied: ``bad-setup-token``: unknown, used or older than a day.
        """
        now_ns = self._clock.wall_ns()
        shown = user_name(name)

        def work(connection: Connection) -> User:
            _require(connection, token, now_ns)
            connection.execute(setup_tokens.delete())
            return insert_user(connection, shown, password_hash, ("admin", (), False), now_ns)

        return await self._database.write(work)


def _require(connection: Connection, token: str, now_ns: int) -> None:
    if count_users(connection):
        raise _already()
    is_known = sa.and_(setup_tokens.c.token_hash == hash_of(token), setup_tokens.c.created_ns > now_ns - LIFETIME_NS)
    known = connection.execute(sa.select(setup_tokens).where(is_known)).one_or_none()
    if known is None or len(token) > LONGEST_TOKEN:
        raise Denied(
            "this set-up link is not valid (any more); start the server again for a new one", code="bad-setup-token"
        )


def _already() -> Conflict:
    return Conflict("this server is already set up; log in instead", code="already-set-up")
