"""Holds the process that asks a site: it connects to public addresses only, and starts no other program.

An audit hook (PEP 578) sees each connection with the very address that is connected to, whoever makes it and after
whatever redirect, and cannot be taken off again. It guards against what a site makes yt-dlp do, not against a yt-dlp
that means harm.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Sequence

from haechi.base.errors import Invalid
from haechi.ingest.reach import Reach, parse_ranges

MEMORY_BYTES = 1024**3
_PROGRAMS = frozenset(
    {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "pty.spawn"}
)
_SENDING = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})


class Guard:
    """What the process may do.

    Attributes:
        refused: The address that was last refused; empty: none was.
    """

    def __init__(self, allow: Sequence[str], deny: Sequence[str]) -> None:
        self._reach = Reach(allow, deny)
        self._allow = parse_ranges(allow)
        self.refused = ""

    def hold(self, max_bytes: int) -> None:
        """Hold this process, for good.

        Args:
            max_bytes: No file gets larger.
        """
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (max_bytes, max_bytes))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        sys.addaudithook(self.see)

    def see(self, event: str, arguments: tuple[object, ...]) -> None:
        """Refuse what may not be.

        Raises:
            PermissionError: It may not.
        """
        if event in _PROGRAMS:
            raise PermissionError("no other program may be started here")
        if event in _SENDING:
            self._check(arguments[1])

    def _check(self, address: object) -> None:
        host = address[0] if isinstance(address, tuple) and address else None
        if host is None and address is None:
            return  # sent over a connection that was checked
        if not isinstance(host, str) or not self.may_reach(host):
            self.refused = str(host)
            raise PermissionError("this address may not be connected to")

    def may_reach(self, host: str) -> bool:
        """Whether a numeric address is public, or allowed by the settings."""
        try:
            number = self._reach.check(host)
        except (Invalid, ValueError):
            return False
        is_named = any(number.version == one.version and number in one for one in self._allow)
        return is_named or number.is_global
