"""Set-up, sessions and users as JSON."""

from typing import Annotated, Literal

from pydantic import Field

from haechi.api.auth.principal import Principal, User
from haechi.api.shapes.fields import Input, Shape

UserName = Annotated[str, Field(min_length=1, max_length=64)]
Password = Annotated[str, Field(max_length=256, json_schema_extra={"format": "password"})]
CameraIds = Annotated[list[Annotated[str, Field(max_length=40)]], Field(max_length=10_000)]
RoleName = Literal["admin", "viewer"]


class SetupState(Shape):
    """Whether the first administrator is still to be made."""

    needed: bool


class SetupIn(Input):
    """The token from the link that the server printed, and the first administrator."""

    token: Annotated[str, Field(max_length=128)]
    name: UserName
    password: Password


class LogInIn(Input):
    """Who, and the proof."""

    name: UserName
    password: Password


class PasswordIn(Input):
    """A new password, and the present one."""

    current: Password
    new: Password


class UserOut(Shape):
    """A user; ``cameras`` is null for administrators, who see all, and may speak to all."""

    id: str
    name: str
    role: RoleName
    cameras: list[str] | None
    may_speak: bool

    @classmethod
    def of(cls, user: User) -> "UserOut":
        """From the store's own."""
        cameras = None if user.role == "admin" else [str(camera) for camera in user.cameras]
        return cls(id=user.id, name=user.name, role=user.role, cameras=cameras, may_speak=user.may_speak)


class SessionOut(Shape):
    """Who one is, and what state changes must send in ``X-Haechi-CSRF``."""

    user: UserOut
    csrf: str

    @classmethod
    def of(cls, principal: Principal) -> "SessionOut":
        """From the principal of a request."""
        return cls(user=UserOut.of(principal.user), csrf=principal.csrf)


class UserList(Shape):
    """Everybody."""

    users: list[UserOut]


class UserAdd(Input):
    """A user to add. A viewer sees ``cameras`` and no others, and speaks to them only where ``may_speak``."""

    name: UserName
    password: Password
    role: RoleName = "viewer"
    cameras: CameraIds | None = None
    may_speak: bool = False


class UserPatch(Input):
    """What to change; a new password logs the user out everywhere."""

    role: RoleName | None = None
    cameras: CameraIds | None = None
    may_speak: bool | None = None
    password: Password | None = None
