"""Passwords: argon2id, in a thread of its own, and what is too weak to be one."""

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from haechi.api.auth.common_passwords import COMMON, STEMS
from haechi.base.errors import Invalid, Unavailable

T = TypeVar("T")

SHORTEST = 10
LONGEST = 256
MOST_WAITING = 32
"""Log-ins that may wait for the hasher; more are told to come back. Each takes some 50 ms and 64 MB."""
_TAIL = re.compile(r"[\W\d_]+$")


def strong_hasher() -> PasswordHasher:
    """RFC 9106's second recommended option (64 MiB, 3 passes), argon2id."""
    return PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=4, type=Type.ID)


def require_good_password(password: str, user_name: str) -> None:
    """Refuse what an attacker tries first.

    Raises:
        Invalid: ``weak-password``; the message says why.
    """
    folded = password.casefold()
    name = user_name.casefold()
    if len(password) < SHORTEST:
        raise Invalid(f"a password needs at least {SHORTEST} characters", code="weak-password", shortest=SHORTEST)
    if len(password) > LONGEST:
        raise Invalid(f"a password has at most {LONGEST} characters", code="weak-password", longest=LONGEST)
    if folded in COMMON or _TAIL.sub("", folded) in STEMS or len(set(folded)) < 4:
        raise Invalid("this password is among the first that get tried; choose another", code="weak-password")
    if _is_sequence(folded):
        raise Invalid("a row of neighbouring keys is not a password; choose another", code="weak-password")
    if len(name) >= 3 and (folded == name * (len(folded) // len(name)) or _TAIL.sub("", folded) == name):
        raise Invalid("the password must not be the user name", code="weak-password")


def _is_sequence(folded: str) -> bool:
    rows = ("01234567890123456789", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm")
    return any(folded in row or folded in row[::-1] for row in rows)


class Passwords:
    """Hashes and checks passwords without holding up the event loop."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or strong_hasher()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="password")
        self._waiting = 0
        self._dummy = self._hasher.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        """The text to store."""
        return await self._run(lambda: self._hasher.hash(password))

    async def matches(self, stored: str | None, password: str) -> bool:
        """Whether ``password`` is the one that was hashed. Takes as long when there is no such user."""
        matches = await self._run(lambda: self._verify(stored or self._dummy, password))
        return matches and stored is not None

    def close(self) -> None:
        """Let go of the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= MOST_WAITING:
            raise Unavailable("too many people are logging in; try again in a moment", code="busy", retry_after_s=2)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self._waiting -= 1
