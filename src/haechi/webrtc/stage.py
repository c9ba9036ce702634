"""The port as those see it who publish and those who watch: a place for a peer, and addresses to reach it at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from haechi.media.webrtc.ice import Address, Credentials
    from haechi.webrtc.peer import Peer


class Stage(Protocol):
    """Where peers connect to (`haechi.app.webrtc` makes it)."""

    @property
    def port(self) -> int: ...
    @property
    def fingerprint(self) -> bytes: ...
    def candidates(self, reached_at: str) -> tuple[Address, ...]:
        """Addresses of ours, the likeliest first; ``reached_at`` is the one that the offer came to."""

    def expect(self, ours: Credentials, theirs: Credentials, fingerprints: tuple[tuple[str, bytes], ...]) -> Peer:
        """Make a place for a peer."""

    def restart(self, peer: Peer, ours: Credentials, theirs: Credentials) -> None:
        """New credentials for a peer."""

    def forget(self, peer: Peer) -> None:
        """The peer is over."""
