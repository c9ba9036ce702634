"""What ingest needs to know of a camera."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from haechi.base.ids import CameraId


class CameraPlace(Protocol):
    """Where a camera is (`haechi.fleet.address.CameraAddress` has it)."""

    @property
    def kind(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def is_tls(self) -> bool: ...
    @property
    def username(self) -> str: ...
    @property
    def password(self) -> str: ...


class CameraWish(Protocol):
    """What is to be taken in from where (`haechi.fleet.cameras.Camera` has it)."""

    @property
    def id(self) -> CameraId: ...
    @property
    def enabled(self) -> bool: ...
    @property
    def audio(self) -> bool: ...
    @property
    def transport(self) -> str: ...
    @property
    def address(self) -> CameraPlace: ...


class Trial(Struct, frozen=True):
    """A wish for a camera that nobody has added: its address is only tried."""

    address: CameraPlace
    transport: str = "auto"
    id: CameraId = CameraId("cam_trial")
    enabled: bool = True
    audio: bool = True
