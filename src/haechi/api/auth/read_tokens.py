"""Read tokens: with what a player, another system or another Haechi watches, where nobody can log in.

A token belongs to a user and shows what that user may see now, or less; it opens nothing but pictures and sound. It is
256 random bits: of it only hashes are kept. For Digest (RFC 7616) these are H(A1) with the token's id as the user name:
Digest must know by the name which token is meant.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence

import sqlalchemy as sa
import structlog
from msgspec import Struct, structs
from sqlalchemy import Connection

from haechi.api.auth.principal import Principal, User
from haechi.api.auth.tables import read_tokens, users
from haechi.api.auth.tokens import LONGEST_TOKEN, hash_of
from haechi.api.auth.users import user_of
from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import Conflict, Denied, Invalid, NotFound, Unavailable
from haechi.base.ids import CameraId, UserId, is_id, new_id
from haechi.base.throttle import Allowance, Throttle, address_key
from haechi.store.database import Database

log = structlog.get_logger(__name__)

PREFIX = "hrt_"
TOKEN_BYTES = 32
REALM = "Haechi"
MOST_PER_USER = 100
LONGEST_NAME = 80
TOUCH_NS = 300 * NS_PER_S
"""When a token was used is written at most this often."""
WRONG = Allowance(burst=20, refill_s=30)
"""Wrong tokens from one address. A token cannot be guessed; this keeps the log and the CPU."""
NEVER_NS = 2**63 - 1


class ReadToken(Struct, frozen=True):
    """A token, without what only its holder knows.

    Attributes:
        cameras: Those it is narrowed to; None: all that its user may see.
        expires_ns, used_ns: Wall clock; 0: never.
    """

    id: str
    user: UserId
    user_name: str
    name: str
    cameras: tuple[CameraId, ...] | None
    created_ns: int
    expires_ns: int = 0
    used_ns: int = 0


class TokenDraft(Struct, frozen=True):
    """What somebody wants a token to be; see `ReadToken`."""

    name: str
    cameras: tuple[CameraId, ...] | None = None
    expires_ns: int = 0


class Ha1(Struct, frozen=True):
    """H(A1) of RFC 7616 section 3.4.2 in hexadecimal, for both algorithms."""

    md5: str
    sha256: str

    def __repr__(self) -> str:
        return "Ha1(***)"


class _Found(Struct, frozen=True):
    principal: Principal
    ha1: Ha1
    used_ns: int


def wrong_token() -> Denied:
    """The one answer to a token that is wrong, revoked, expired, or of somebody who is gone."""
    return Denied("this read token is not valid (any more); make a new one", code="wrong-read-token")


def not_found() -> NotFound:
    """The answer about a token that is not there, or is somebody else's."""
    return NotFound("no such read token", code="read-token-not-found")


def is_read_token(session: str) -> bool:
    """Whether this is the id of a read token; the ``session`` of a principal is, where nobody logged in."""
    return is_id(session, "rdt")


class ReadTokens:
    """Tokens in the database, and the brake on wrong ones. One per server: it holds the buckets."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._wrong = Throttle(WRONG, clock)

    async def add(self, user: User, draft: TokenDraft) -> tuple[ReadToken, str]:
        """A new token of ``user``, and its text, which can be read only here.

        Raises:
            Invalid: ``bad-name``, ``bad-expiry``.
            Conflict: ``too-many-read-tokens``.
        """
        now_ns = self._clock.wall_ns()
        if draft.expires_ns and draft.expires_ns <= now_ns:
            raise Invalid("a read token expires in the future, or never", code="bad-expiry")
        token = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
        made = ReadToken(
            new_id("rdt"), user.id, user.name, _plain_name(draft.name), draft.cameras, now_ns, draft.expires_ns
        )
        row = {name: value for name, value in structs.asdict(made).items() if name != "user_name"}
        row["cameras"] = None if made.cameras is None else sorted(set(made.cameras))
        ha1 = ha1_of(made.id, token)
        row |= {"token_hash": hash_of(token), "ha1_md5": ha1.md5, "ha1_sha256": ha1.sha256}

        def insert(connection: Connection) -> None:
            mine = sa.select(sa.func.count()).select_from(read_tokens).where(read_tokens.c.user == user.id)
            if connection.execute(mine).scalar_one() >= MOST_PER_USER:
                message = "you have as many read tokens as there may be; revoke some"
                raise Conflict(message, code="too-many-read-tokens", limit=MOST_PER_USER)
            connection.execute(read_tokens.insert().values(row))

        await self._database.write(insert)
        return made, token

    async def list(self, user: UserId | None = None) -> Sequence[ReadToken]:
        """Those of one user, or of everybody; by name."""
        query = _TOKENS.order_by(read_tokens.c.name, read_tokens.c.id)
        if user is not None:
            query = query.where(read_tokens.c.user == user)
        rows = await self._database.read(lambda c: c.execute(query).all())
        return [_token(row) for row in rows]

    async def get(self, token_id: str, principal: Principal) -> ReadToken:
        """One of them, if it is this user's, or the user is an administrator.

        Raises:
            NotFound: ``read-token-not-found``.
        """
        query = _TOKENS.where(read_tokens.c.id == token_id)
        row = await self._database.read(lambda c: c.execute(query).one_or_none()) if is_read_token(token_id) else None
        if row is None or not (principal.is_admin or row.user == principal.user.id):
            raise not_found()
        return _token(row)

    async def remove(self, token_id: str) -> None:
        """Revoke one; what is watched with it ends within 5 s.

        Raises:
            NotFound: ``read-token-not-found``.
        """
        gone = await self._database.write(
            lambda c: c.execute(read_tokens.delete().where(read_tokens.c.id == token_id)).rowcount
        )
        if not gone:
            raise not_found()

    async def admit(self, token: str, address: str) -> Principal:
        """Who watches with this token; ``session`` is the token's id, and the user is narrowed as the token is.

        Raises:
            Denied: ``wrong-read-token``.
            Unavailable: ``throttled``; or the database does not answer.
        """
        is_possible = token.startswith(PREFIX) and len(token) <= LONGEST_TOKEN
        condition = read_tokens.c.token_hash == hash_of(token) if is_possible else sa.false()
        return await self._admit(condition, address, lambda _: True)

    async def admit_digest(self, name: str, answers: Callable[[Ha1], bool], address: str) -> Principal:
        """The same for Digest: ``name`` is the token's id, and ``answers`` says whether the response is right for it.

        Raises:
            Denied: ``wrong-read-token``.
            Unavailable: ``throttled``; or the database does not answer.
        """
        condition = read_tokens.c.id == name if is_id(name, "rdt") else sa.false()
        return await self._admit(condition, address, answers)

    async def living(self, wanted: Collection[str]) -> Mapping[str, Principal]:
        """Those of the tokens, named by their ids, that are good now, with what they show now."""
        now_ns = self._clock.wall_ns()
        condition = read_tokens.c.id.in_(list(wanted))
        found = await self._database.read(lambda c: _look_up(c, condition, now_ns))
        return {one.principal.session: one.principal for one in found}

    async def _admit(self, condition: sa.ColumnElement[bool], address: str, proves: Callable[[Ha1], bool]) -> Principal:
        key, now_ns = address_key(address), self._clock.wall_ns()
        self._require_calm(key)
        found = await self._database.read(lambda c: _look_up(c, condition, now_ns))
        if not found or not proves(found[0].ha1):
            self._wrong.take(key)
            log.warning("watching refused: a wrong read token", address=key)
            raise wrong_token()
        if now_ns - found[0].used_ns > TOUCH_NS:
            await self._touch(found[0].principal.session, now_ns)
        return found[0].principal

    def _require_calm(self, key: str) -> None:
        """Only what was wrong counts, once it is known to be: a system of a hundred cameras comes back all at once."""
        wait_s = self._wrong.wait_s(key)
        if wait_s > 0:
            seconds = int(wait_s) + 1
            message = f"too many wrong read tokens came from there; try again in {seconds} s"
            raise Unavailable(message, code="throttled", retry_after_s=seconds)

    async def _touch(self, token_id: str, now_ns: int) -> None:
        statement = read_tokens.update().where(read_tokens.c.id == token_id).values(used_ns=now_ns)
        await self._database.write(lambda c: c.execute(statement))


_TOKENS = sa.select(read_tokens, users.c.name.label("user_name")).join_from(
    read_tokens, users, read_tokens.c.user == users.c.id
)
_HOLDERS = sa.select(
    users,
    read_tokens.c.id.label("token"),
    read_tokens.c.cameras,
    read_tokens.c.expires_ns,
    read_tokens.c.used_ns,
    read_tokens.c.ha1_md5,
    read_tokens.c.ha1_sha256,
).join_from(read_tokens, users, read_tokens.c.user == users.c.id)


def ha1_of(name: str, token: str) -> Ha1:
    """What Digest needs of a token whose id is ``name``."""
    text = f"{name}:{REALM}:{token}".encode("utf-8", "replace")
    return Ha1(hashlib.md5(text, usedforsecurity=True).hexdigest(), hashlib.sha256(text).hexdigest())  # noqa: S324


def narrowed(user: User, cameras: Sequence[str] | None) -> User:
    """The user as a token shows them: no administrator, where it is narrowed."""
    if cameras is None:
        return user
    visible = tuple(CameraId(one) for one in cameras if user.role == "admin" or one in user.cameras)
    return structs.replace(user, role="viewer", cameras=visible)


def _look_up(connection: Connection, condition: sa.ColumnElement[bool], now_ns: int) -> list[_Found]:
    is_living = sa.or_(read_tokens.c.expires_ns == 0, read_tokens.c.expires_ns > now_ns)
    found = []
    for row in connection.execute(_HOLDERS.where(condition, is_living)).all():
        fields = row._mapping
        user = narrowed(user_of(connection, row), fields["cameras"])
        principal = Principal(user, fields["token"], "", fields["expires_ns"] or NEVER_NS)
        found.append(_Found(principal, Ha1(fields["ha1_md5"], fields["ha1_sha256"]), fields["used_ns"]))
    return found


def _token(row: sa.Row[tuple[object, ...]]) -> ReadToken:
    fields = row._mapping
    cameras = None if fields["cameras"] is None else tuple(CameraId(one) for one in fields["cameras"])
    return ReadToken(
        id=fields["id"],
        user=UserId(fields["user"]),
        user_name=fields["user_name"],
        name=fields["name"],
        cameras=cameras,
        created_ns=fields["created_ns"],
        expires_ns=fields["expires_ns"],
        used_ns=fields["used_ns"],
    )


def _plain_name(name: str) -> str:
    title = " ".join(name.split())
    if not title or len(title) > LONGEST_NAME or not title.isprintable():
        raise Invalid(f"a name has 1 to {LONGEST_NAME} characters that can be shown", code="bad-name")
    return title
