"""ICE lite (RFC 8445 section 2.5): the other side looks for the way, and we answer.

A lite agent sends no checks of its own and needs to know nothing of the other side's candidates, so a phone's local
addresses may stay hidden (mDNS names), and trickled candidates have nothing to change. What it needs in return is an
address at which the other side can reach it.
"""

from __future__ import annotations

from msgspec import Struct

from haechi.base.clock import NS_PER_S
from haechi.base.errors import PeerError
from haechi.media.webrtc import stun

MOST_ADDRESSES = 8
"""Of one peer: a phone has a cellular and a Wi-Fi address, each in two families, and both again behind a router."""
WAY_SILENT_NS = 12 * NS_PER_S
"""Checks come each 4 to 6 s over the way that is used (RFC 7675 section 5.1). When two did not, and others come from
elsewhere, a router has forgotten the old way; not all nominate the new one."""
MOST_CREDENTIALS = 3
"""Those before a restart still count until the checks of the new ones come (RFC 8445 section 9)."""

Address = tuple[str, int]


class Credentials(Struct, frozen=True):
    """The name and the password of one side (RFC 8445 section 5.3)."""

    ufrag: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials({self.ufrag!r})"


class IceLite:
    """Our side of one connection.

    Attributes:
        way: Where the other side is, as it nominated last, or from where its checks come since; None: it has not.
        addresses: From where it has proved that it is the other side, and when it did last. What comes from elsewhere
            is not looked at.
        heard_ns: Monotonic time of its last check.
    """

    def __init__(self, ours: Credentials, theirs: Credentials) -> None:
        self._pairs = [(ours, theirs)]
        self.way: Address | None = None
        self.addresses: dict[Address, int] = {}
        self.heard_ns = 0

    @property
    def ours(self) -> Credentials:
        return self._pairs[-1][0]

    @property
    def theirs(self) -> Credentials:
        return self._pairs[-1][1]

    @property
    def names(self) -> list[str]:
        """Our names that a check may carry."""
        return [ours.ufrag for ours, _ in self._pairs]

    def restart(self, ours: Credentials, theirs: Credentials) -> list[str]:
        """New credentials on both sides; the way stays until another is nominated. Gives names that are no more."""
        self._pairs.append((ours, theirs))
        dropped = [pair[0].ufrag for pair in self._pairs[:-MOST_CREDENTIALS]]
        del self._pairs[:-MOST_CREDENTIALS]
        return dropped

    def answer(self, message: stun.StunMessage, source: Address, now_ns: int) -> bytes:
        """The answer to a check; empty: none, as it is nobody's that we know.

        Raises:
            PeerError: It asks for what cannot be (``stun-malformed``).
        """
        pair = self._pair_of(message)
        if message.kind != stun.BINDING_REQUEST or pair is None:
            return b""
        password = pair[0].password
        if stun.ICE_CONTROLLED in message.attributes:
            conflict = {stun.ERROR_CODE: stun.error_code(stun.ROLE_CONFLICT, "Role Conflict")}
            return stun.build(stun.BINDING_ERROR, message.transaction, conflict, password)
        self.heard_ns = now_ns
        self.addresses[source] = now_ns
        while len(self.addresses) > MOST_ADDRESSES:
            del self.addresses[next(old for old in self.addresses if old != self.way)]
        is_forgotten = self.way is not None and now_ns - self.addresses[self.way] > WAY_SILENT_NS
        if stun.USE_CANDIDATE in message.attributes or is_forgotten:
            self.way = source
        mapped = {stun.XOR_MAPPED_ADDRESS: stun.xor_address(*source, message.transaction)}
        return stun.build(stun.BINDING_SUCCESS, message.transaction, mapped, password)

    def _pair_of(self, message: stun.StunMessage) -> tuple[Credentials, Credentials] | None:
        local, _, remote = message.username.partition(":")
        for ours, theirs in self._pairs:
            if (ours.ufrag, theirs.ufrag) == (local, remote):
                return (ours, theirs) if message.is_signed_by(ours.password) else None
        return None


def local_name(message: stun.StunMessage) -> str:
    """Whom a check is for: our name in it.

    Raises:
        PeerError: It names nobody (``stun-malformed``).
    """
    name = message.username.partition(":")[0]
    if not name:
        raise PeerError("a STUN message names nobody", offset=0, code="stun-malformed")
    return name
