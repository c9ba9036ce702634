"""Brings phones and those who watch them together. No media passes here, and nothing is passed on but what two browsers
need to find each other: descriptions, candidates, goodbyes; and only between a phone and its own viewers.

Pure: connections are `Seat`s, time is an argument. `haechi.api.phone_sockets` puts WebSockets to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct, structs

from haechi.base.errors import Conflict
from haechi.base.ids import CameraId
from haechi.fleet.phones.messages import (
    Bye,
    Candidate,
    Description,
    Ended,
    FromPhone,
    FromViewer,
    IceServer,
    NoLonger,
    Offline,
    Online,
    PairingChanged,
    PhoneSettings,
    PhoneState,
    SettingsChanged,
    StateForViewer,
    StateToldByPhone,
    ViewerCame,
    ViewerLeft,
    WelcomePhone,
    WelcomeViewer,
)
from haechi.fleet.phones.seat import Closing, Seat

MOST_VIEWERS = 8
"""Of one phone: it sends its picture once for each."""
ENDED, FORBIDDEN, TRY_AGAIN = 4401, 4403, 1013
NS_PER_MS = 1_000_000

Ice = Callable[[str], tuple[IceServer, ...]]
"""Servers for the peer of this name, with credentials of its own."""


class Viewer(Struct, frozen=True):
    """Who watches, as the phone is told."""

    name: str
    may_speak: bool


class Call:
    """One viewer of one phone.

    Attributes:
        is_begun: Whether the phone, since it came, has described itself to this viewer. Before that, what the viewer
            says belongs to a connection that is over.
    """

    def __init__(self, peer: str, viewer: Viewer, seat: Seat) -> None:
        self.peer = peer
        self.viewer = viewer
        self.seat = seat
        self.is_begun = False


class Booth:
    """One camera: its phone, if that is there, and its viewers.

    Attributes:
        state, state_ns: What the phone told last, and when.
        since_ns: Since when it is there, or is not; 0: it never was.
        is_paired: Whether there is a phone that holds a token for this camera.
    """

    def __init__(self, name: str, settings: PhoneSettings, state: PhoneState | None = None, state_ns: int = 0) -> None:
        self.name = name
        self.settings = settings
        self.phone: Seat | None = None
        self.calls: dict[str, Call] = {}
        self.state = state
        self.state_ns = self.since_ns = state_ns
        self.is_paired = True


class Switchboard:
    """All phones of this server.

    Attributes:
        relayed, refused: Messages that were passed on; that were not, for want of somebody to pass them to.
    """

    def __init__(self, ice: Ice) -> None:
        self._ice = ice
        self._booths: dict[CameraId, Booth] = {}
        self._peers = 0
        self.relayed = self.refused = 0

    # -- phones ------------------------------------------------------------------------------------------------------
    def phone_came(self, camera: CameraId, seat: Seat, stored: Booth, now_ns: int) -> None:
        """A page said who it is. One that was there before is told that it is replaced."""
        booth = self._booths.setdefault(camera, stored)
        if booth.phone is not None:
            self._end(booth.phone, Ended("replaced"))
            self._away(booth, now_ns)
        booth.phone, booth.name, booth.settings, booth.since_ns = seat, stored.name, stored.settings, now_ns
        self._pair(booth, is_paired=True)
        seat.offer(WelcomePhone(camera, booth.name, booth.settings, self._ice(camera)))
        if booth.settings.enabled:
            self._open(booth)

    def phone_left(self, camera: CameraId, seat: Seat, now_ns: int) -> None:
        """Its connection is gone."""
        booth = self._booths.get(camera)
        if booth is not None and booth.phone is seat:
            self._away(booth, now_ns)
            self._forget_if_empty(camera)

    def phone_said(self, camera: CameraId, seat: Seat, message: FromPhone, now_ns: int) -> None:
        """Pass it on, or keep it."""
        booth = self._booths.get(camera)
        if booth is None or booth.phone is not seat:
            return
        if isinstance(message, StateToldByPhone):
            booth.state, booth.state_ns = message.state, now_ns
            for call in booth.calls.values():
                call.seat.offer(StateForViewer(message.state))
            return
        meant = booth.calls.get(message.peer)
        if meant is None or not booth.settings.enabled:
            self.refused += 1
            return
        meant.is_begun = meant.is_begun or isinstance(message, Description)
        self._pass(message, meant.seat)

    # -- viewers -----------------------------------------------------------------------------------------------------
    def viewer_came(self, camera: CameraId, seat: Seat, viewer: Viewer, stored: Booth) -> str:
        """Somebody watches; gives the name that the phone knows them by.

        Raises:
            Conflict: ``too-many-viewers``.
        """
        booth = self._booths.setdefault(camera, stored)
        if len(booth.calls) >= MOST_VIEWERS:
            message = "as many watch this phone as it can send to; try again later"
            raise Conflict(message, code="too-many-viewers", limit=MOST_VIEWERS)
        self._peers += 1
        call = Call(f"p{self._peers}", viewer, seat)
        booth.calls[call.peer] = call
        is_online = booth.phone is not None and booth.settings.enabled
        seat.offer(
            WelcomeViewer(
                call.peer,
                booth.name,
                is_online,
                booth.since_ns // NS_PER_MS or None,
                booth.state,
                booth.state_ns // NS_PER_MS or None,
                viewer.may_speak,
                self._ice(call.peer),
                booth.is_paired,
            )
        )
        if is_online and booth.phone is not None:
            self._announce(booth.phone, call)
        return call.peer

    def viewer_left(self, camera: CameraId, peer: str) -> None:
        """Their connection is gone, or their right: the phone ends what it sends them."""
        booth = self._booths.get(camera)
        if booth is None or booth.calls.pop(peer, None) is None:
            return
        if booth.phone is not None:
            booth.phone.offer(ViewerLeft(peer))
        self._forget_if_empty(camera)

    def viewer_changed(self, camera: CameraId, peer: str, viewer: Viewer) -> None:
        """What they may do is another thing now: the phone begins anew with them."""
        booth = self._booths.get(camera)
        call = booth.calls.get(peer) if booth is not None else None
        if booth is None or call is None or call.viewer == viewer:
            return
        call.viewer = viewer
        if booth.phone is not None and booth.settings.enabled:
            booth.phone.offer(ViewerLeft(peer))
            self._connect(booth.phone, call)

    def viewer_said(self, camera: CameraId, peer: str, message: FromViewer) -> None:
        """Pass it on under their own name, whatever name they wrote."""
        booth = self._booths.get(camera)
        call = booth.calls.get(peer) if booth is not None else None
        if booth is None or call is None:
            return
        if booth.phone is None or not call.is_begun or not booth.settings.enabled:
            self.refused += 1
            return
        self._pass(structs.replace(message, peer=peer), booth.phone)

    # -- the house ---------------------------------------------------------------------------------------------------
    def know(self, cameras: Mapping[CameraId, tuple[str, PhoneSettings]], now_ns: int) -> None:
        """Which cameras are phones now, with their names and settings. Those that are gone end."""
        for camera in list(self._booths.keys() - cameras.keys()):
            self._release(self._booths[camera], now_ns)
            for call in self._booths[camera].calls.values():
                call.seat.offer(NoLonger("forbidden"))
                call.seat.close(Closing(FORBIDDEN, "forbidden"))
        for camera, (name, settings) in cameras.items():
            self.know_one(camera, name, settings, now_ns)

    def know_one(self, camera: CameraId, name: str, settings: PhoneSettings, now_ns: int) -> None:
        """The same for one camera."""
        booth = self._booths.get(camera)
        if booth is not None and (booth.name, booth.settings) != (name, settings):
            booth.name = name
            self._switch(booth, settings, now_ns)

    def unpaired(self, camera: CameraId, now_ns: int) -> None:
        """The phone's token is worth nothing any more; whoever waits for it is told."""
        booth = self._booths.get(camera)
        if booth is not None:
            self._release(booth, now_ns)
            self._pair(booth, is_paired=False)

    def paired(self, camera: CameraId) -> None:
        """A phone has a token for it again, and may come."""
        booth = self._booths.get(camera)
        if booth is not None:
            self._pair(booth, is_paired=True)

    def booth(self, camera: CameraId) -> Booth | None:
        """What is known of a camera while its phone is there, or somebody waits for it."""
        return self._booths.get(camera)

    @property
    def phones(self) -> int:
        """How many are there."""
        return sum(booth.phone is not None for booth in self._booths.values())

    @property
    def viewers(self) -> int:
        """How many watch, or wait."""
        return sum(len(booth.calls) for booth in self._booths.values())

    # -- inside ------------------------------------------------------------------------------------------------------
    def _release(self, booth: Booth, now_ns: int) -> None:
        if booth.phone is not None:
            self._end(booth.phone, Ended("unpaired"))
            self._away(booth, now_ns)

    def _open(self, booth: Booth) -> None:
        """The phone is there for its viewers: each gets an offer."""
        for call in booth.calls.values():
            if booth.phone is not None:
                self._connect(booth.phone, call)

    def _connect(self, phone: Seat, call: Call) -> None:
        call.is_begun = False
        call.seat.offer(Online())
        self._announce(phone, call)

    def _announce(self, phone: Seat, call: Call) -> None:
        phone.offer(ViewerCame(call.peer, call.viewer.name, call.viewer.may_speak, self._ice(call.peer)))

    def _away(self, booth: Booth, now_ns: int) -> None:
        booth.phone, booth.since_ns = None, now_ns
        if booth.settings.enabled:
            self._shut(booth, now_ns)

    def _shut(self, booth: Booth, now_ns: int) -> None:
        for call in booth.calls.values():
            call.is_begun = False
            call.seat.offer(Offline(now_ns // NS_PER_MS))

    def _pair(self, booth: Booth, *, is_paired: bool) -> None:
        if booth.is_paired == is_paired:
            return
        booth.is_paired = is_paired
        for call in booth.calls.values():
            call.seat.offer(PairingChanged(is_paired))

    def _switch(self, booth: Booth, settings: PhoneSettings, now_ns: int) -> None:
        before, booth.settings = booth.settings, settings
        if booth.phone is None or before == settings:
            return
        booth.phone.offer(SettingsChanged(settings))
        if before.enabled and not settings.enabled:
            for peer in booth.calls:
                booth.phone.offer(ViewerLeft(peer))
            self._shut(booth, now_ns)
        elif settings.enabled and not before.enabled:
            self._open(booth)

    def _pass(self, message: Description | Candidate | Bye, seat: Seat) -> None:
        self.relayed += 1
        seat.offer(message)

    def _end(self, seat: Seat, message: Ended) -> None:
        seat.offer(message)
        seat.close(Closing(ENDED if message.reason == "unpaired" else FORBIDDEN, message.reason))

    def _forget_if_empty(self, camera: CameraId) -> None:
        booth = self._booths[camera]
        if booth.phone is None and not booth.calls:
            del self._booths[camera]
