"""Logging in: throttled, in the same time whether or not there is such a user, and always with a fresh session."""

import structlog
from msgspec import Struct

from haechi.api.auth.passwords import LONGEST, Passwords
from haechi.api.auth.sessions import SessionStore
from haechi.api.auth.users import UserStore, name_key
from haechi.base.clock import Clock
from haechi.base.errors import Denied, Unavailable
from haechi.base.ids import UserId
from haechi.base.throttle import Allowance, Throttle, address_key

log = structlog.get_logger(__name__)

ACCOUNT = Allowance(burst=5, refill_s=240)
"""At most 5 + 15 = 20 failures in any hour against one account, from wherever they come."""
ADDRESS = Allowance(burst=20, refill_s=60)
DEVICE = Allowance(burst=10, refill_s=60)
"""A device that this user logged in from before has its own bucket: strangers cannot lock the owner out."""


class Attempt(Struct, frozen=True):
    """What came in. ``address`` is the peer's, never a header's unless a trusted proxy wrote it."""

    name: str
    password: str
    address: str
    device: str = ""

    def __repr__(self) -> str:
        return f"Attempt(address={self.address!r})"


class LogIn:
    """Checks attempts. One per server: it holds the buckets."""

    def __init__(self, users: UserStore, sessions: SessionStore, passwords: Passwords, clock: Clock) -> None:
        self._users = users
        self._sessions = sessions
        self._passwords = passwords
        self._accounts = Throttle(ACCOUNT, clock)
        self._addresses = Throttle(ADDRESS, clock)
        self._devices = Throttle(DEVICE, clock)

    async def attempt(self, attempt: Attempt) -> UserId:
        """The user whose name and password these are.

        Raises:
            Denied: ``wrong-credentials``; the same for a wrong name and a wrong password.
            Unavailable: ``throttled``, with ``retry_after_s``.
        """
        address = address_key(attempt.address)
        require_room(self._addresses, address)
        found = await self._users.stored_hash(attempt.name)
        buckets, key = self._accounts, name_key(attempt.name)
        user_id = found[0] if found else UserId("")
        if attempt.device and await self._sessions.knows_device(attempt.device, user_id):
            buckets, key = self._devices, f"{user_id} {attempt.device}"
        require_room(buckets, key, and_give_back=(self._addresses, address))
        matches = await self._passwords.matches(found[1] if found else None, attempt.password[: LONGEST + 1])
        if found is None or not matches:
            log.warning("log-in refused", user=found[0] if found else None, address=address)
            raise Denied("the name or the password is wrong", code="wrong-credentials")
        buckets.give_back(key)
        self._addresses.give_back(address)
        return found[0]

    def count_setup_try(self, address: str) -> None:
        """Set-up tokens are guessed no faster than passwords.

        Raises:
            Unavailable: ``throttled``.
        """
        require_room(self._addresses, address_key(address))

    def forgive(self, address: str) -> None:
        """The set-up token was right."""
        self._addresses.give_back(address_key(address))


def require_room(throttle: Throttle, key: str, *, and_give_back: tuple[Throttle, str] | None = None) -> None:
    """Count a try, or refuse it and undo the count in another bucket.

    Raises:
        Unavailable: ``throttled``, with ``retry_after_s``.
    """
    wait_s = throttle.take(key)
    if wait_s > 0:
        if and_give_back is not None:
            and_give_back[0].give_back(and_give_back[1])
        seconds = int(wait_s) + 1
        raise Unavailable(f"too many failed tries; try again in {seconds} s", code="throttled", retry_after_s=seconds)
