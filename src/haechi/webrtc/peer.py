"""One browser or encoder: its checks are answered, its handshake is made, its packets are opened."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from haechi.base.clock import Clock
from haechi.base.errors import PeerError
from haechi.media.webrtc import stun
from haechi.media.webrtc.ice import Address, Credentials, IceLite
from haechi.webrtc.dtls import DtlsPipe, Identity

log = structlog.get_logger(__name__)

_RTCP_TYPES = range(192, 224)
"""Second byte of what is RTCP where both come over one port (RFC 5761 section 4)."""


class Receiver(Protocol):
    """What becomes of a peer's packets. Called as they come; returns at once."""

    def rtp(self, data: bytes, arrived_ns: int) -> None:
        """An RTP packet, opened (monotonic time)."""

    def rtcp(self, data: bytes, arrived_ns: int) -> None:
        """An RTCP packet, opened."""

    def ended(self, reason: PeerError | None) -> None:
        """It is over: the other side said good-bye, or did what cannot be."""


def fresh_credentials() -> Credentials:
    """Ours, for one connection: 48 and 144 random bits (RFC 8445 section 5.3 asks for 24 and 128)."""
    return Credentials(secrets.token_hex(6), secrets.token_hex(18))


class Peer:
    """See the module.

    Args:
        send: Puts a datagram on its way.

    Attributes:
        heard_ns: Monotonic time at which something came that only this peer can have sent.
        rejected: Packets that could not be opened.
    """

    def __init__(
        self,
        identity: Identity,
        ice: IceLite,
        fingerprints: Sequence[tuple[str, bytes]],
        clock: Clock,
        send: Callable[[bytes, Address], None],
    ) -> None:
        self.ice = ice
        self._pipe = DtlsPipe(identity, fingerprints)
        self._clock = clock
        self._send = send
        self._receiver: Receiver | None = None
        self._is_over = False
        self.heard_ns = clock.monotonic_ns()
        self.rejected = 0

    @property
    def is_connected(self) -> bool:
        """Whether packets can be opened."""
        return self._pipe.srtp is not None

    @property
    def is_over(self) -> bool:
        return self._is_over

    def hand_over(self, receiver: Receiver) -> None:
        """Whoever calls this gets what comes from now on."""
        self._receiver = receiver

    def check(self, message: stun.StunMessage, source: Address) -> None:
        """A STUN message for us."""
        now_ns = self._clock.monotonic_ns()
        answer = self.ice.answer(message, source, now_ns)
        if answer:
            self.heard_ns = now_ns
            self._send(answer, source)

    def take(self, data: bytes, arrived_ns: int) -> None:
        """A datagram from an address that proved that it is this peer's."""
        srtp = self._pipe.srtp
        first = data[0]
        if 128 <= first < 192 and len(data) >= 2:
            if srtp is None or self._receiver is None:
                return
            try:
                if data[1] in _RTCP_TYPES:
                    self._receiver.rtcp(srtp.open_control(data), arrived_ns)
                else:
                    self._receiver.rtp(srtp.open(data), arrived_ns)
            except PeerError as error:
                if error.code != "srtp-rejected":
                    raise
                self.rejected += 1
                return
            self.heard_ns = arrived_ns
        elif 20 <= first < 64:
            self._handshake(self._pipe.feed, data)

    def tick(self) -> None:
        """Called every tenth of a second or so: says again what was not answered."""
        due_s = self._pipe.due_s()
        if due_s is not None and due_s <= 0 and not self.is_connected:
            self._handshake(lambda _: self._pipe.again(), b"")

    def control(self, data: bytes) -> None:
        """Send RTCP."""
        srtp, way = self._pipe.srtp, self.ice.way
        if srtp is not None and way is not None and not self._is_over:
            self._send(srtp.seal_control(data), way)

    def media(self, data: bytes) -> None:
        """Send RTP, or send it again.

        Raises:
            PeerError: ``srtp-rejected``: it lies too far back to be sent again.
        """
        srtp, way = self._pipe.srtp, self.ice.way
        if srtp is not None and way is not None and not self._is_over:
            self._send(srtp.seal(data), way)

    def close(self) -> None:
        """Say good-bye, once."""
        if not self._is_over:
            self._say(self._pipe.farewell())
            self._is_over = True

    def fail(self, reason: PeerError | None) -> None:
        """It is over for a reason of the other side's."""
        if self._is_over:
            return
        self.close()
        if self._receiver is not None:
            self._receiver.ended(reason)

    def _handshake(self, step: Callable[[bytes], list[bytes]], data: bytes) -> None:
        try:
            self._say(step(data))
        except PeerError as error:
            self.fail(error)
            return
        if self._pipe.is_closed:
            self.fail(None)

    def _say(self, datagrams: Sequence[bytes]) -> None:
        way = self.ice.way or next(iter(self.ice.addresses), None)
        if way is not None:
            for datagram in datagrams:
                self._send(datagram, way)
