"""Users, for administrators."""

from typing import Annotated

from fastapi import Path

from haechi.api.asked import Caller, House, Log
from haechi.api.auth.passwords import require_good_password
from haechi.api.auth.users import UserChange, not_found, user_name
from haechi.api.policy import Access, Routes
from haechi.api.services import Services
from haechi.api.shapes.people import UserAdd, UserList, UserOut, UserPatch
from haechi.base.errors import Invalid
from haechi.base.ids import CameraId, UserId, is_id

UserPath = Annotated[str, Path(pattern=r"^usr_[a-z0-9]{3,32}$", examples=["usr_k3v9p2mw8tq4hx7n"])]


async def list_users(house: House) -> UserList:
    """Everybody, by name."""
    return UserList(users=[UserOut.of(user) for user in await house.auth.users.list()])


async def add_user(body: UserAdd, house: House, log: Log) -> UserOut:
    """Add a user."""
    name = user_name(body.name)
    require_good_password(body.password, name)
    cameras = await _cameras(house, body.cameras)
    hashed = await house.auth.passwords.hash(body.password)
    user = await house.auth.users.add(name, hashed, body.role, cameras or (), may_speak=body.may_speak)
    log.about(user.id, f"added as {user.role}")
    return UserOut.of(user)


async def change_user(user: UserPath, body: UserPatch, house: House, caller: Caller, log: Log) -> UserOut:
    """Change a user. What was granted or withdrawn counts from now on, also in streams that are open."""
    target = _user_id(user)
    before = await house.auth.users.get(target)
    hashed = None
    if body.password is not None:
        require_good_password(body.password, before.name)
        hashed = await house.auth.passwords.hash(body.password)
    log.about(target, f"changed {', '.join(sorted(body.model_fields_set))}")
    cameras = await _cameras(house, body.cameras)
    change = UserChange(role=body.role, cameras=cameras, password_hash=hashed, may_speak=body.may_speak)
    return UserOut.of(await house.auth.users.update(target, change, keep_session=caller.session))


async def delete_user(user: UserPath, house: House) -> None:
    """Remove a user; all sessions of theirs end."""
    await house.auth.users.delete(_user_id(user))


def register(routes: Routes) -> None:
    """Add the routes."""
    routes.add("GET", "/api/users", list_users, access=Access.ADMIN)
    routes.add("POST", "/api/users", add_user, access=Access.ADMIN, status=201, problems=(409, 503))
    routes.add("PATCH", "/api/users/{user}", change_user, access=Access.ADMIN, problems=(404, 409, 503))
    routes.add("DELETE", "/api/users/{user}", delete_user, access=Access.ADMIN, status=204, problems=(404, 409, 422))


def _user_id(text: str) -> UserId:
    if not is_id(text, "usr"):
        raise not_found()
    return UserId(text)


async def _cameras(house: Services, wanted: list[str] | None) -> tuple[CameraId, ...] | None:
    if wanted is None:
        return None
    known = {camera.id for camera in await house.registry.list()}
    cameras = tuple(CameraId(camera) for camera in wanted)
    if not known.issuperset(cameras):
        raise Invalid("one of the cameras is not there", code="unknown-camera")
    return cameras
