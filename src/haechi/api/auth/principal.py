"""Who asks, and what they may see."""

from typing import Literal

from msgspec import Struct

from haechi.base.ids import CameraId, UserId

Role = Literal["admin", "viewer"]


class User(Struct, frozen=True):
    """Somebody who can log in.

    Attributes:
        cameras: What a viewer may see, sorted. Empty for admins, who see everything.
        may_speak: Whether a viewer may also speak to those cameras. Admins may.
    """

    id: UserId
    name: str
    role: Role
    created_ns: int
    cameras: tuple[CameraId, ...] = ()
    may_speak: bool = False


class Principal(Struct, frozen=True):
    """A user in a session: the answer to "who is this request from?".

    Attributes:
        session: Hash of the session's token; names the session without being able to take part in it.
        csrf: What state changes must carry in ``X-Haechi-CSRF``.
        expires_ns: When the session ends whatever happens (wall clock).
    """

    user: User
    session: str
    csrf: str
    expires_ns: int

    @property
    def is_admin(self) -> bool:
        return self.user.role == "admin"

    def may_view(self, camera: CameraId) -> bool:
        """Whether footage, events and settings of ``camera`` are this person's to see."""
        return self.is_admin or camera in self.user.cameras

    def may_speak(self, camera: CameraId) -> bool:
        """Whether people near ``camera`` may be spoken to."""
        return self.may_view(camera) and (self.is_admin or self.user.may_speak)

    def visible(self) -> tuple[CameraId, ...] | None:
        """The cameras to which lists are narrowed; None means all."""
        return None if self.is_admin else self.user.cameras
