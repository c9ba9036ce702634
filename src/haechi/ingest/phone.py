"""A phone that is watched peer to peer: nothing of it comes in here, and that is no fault."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from haechi.base.errors import Invalid
from haechi.ingest.camera import CameraIngest, State
from haechi.ingest.probe import Note
from haechi.ingest.source import Sink, Source
from haechi.ingest.wish import CameraWish


class PeerIngest(CameraIngest):
    """Takes nothing in, as its owner wants it."""

    away: ClassVar[State] = "peer"
    takes_in: ClassVar[bool] = False


class PhoneOpener:
    """Phones that are not recorded."""

    intake = PeerIngest

    def open(self, wish: CameraWish, note: Note) -> Source:
        """See `Opener`."""
        return _Nothing()

    def trial(self, wish: CameraWish, note: Note) -> Source:
        """See `Opener`; there is nothing to connect to."""
        message = "a phone cannot be tried from here; pair it, and open its page"
        raise Invalid(message, code="camera-is-phone")


class _Nothing:
    async def run(self, sink: Sink) -> None:
        await asyncio.get_running_loop().create_future()
