"""Set-up, log-in, log-out."""

from fastapi import Request, Response

from haechi.api.asked import Caller, From, House, Log, Visitor
from haechi.api.auth.log_in import Attempt
from haechi.api.auth.passwords import require_good_password
from haechi.api.auth.sessions import DEVICE_LIFETIME_NS, LIFETIME_NS
from haechi.api.auth.users import UserChange
from haechi.api.peer import Peer
from haechi.api.policy import COOKIE, DEVICE_COOKIE, Access, Routes, not_signed_in
from haechi.api.services import Services
from haechi.api.shapes.people import LogInIn, PasswordIn, SessionOut, SetupIn, SetupState
from haechi.base.clock import NS_PER_S
from haechi.base.errors import Denied
from haechi.base.ids import UserId


async def get_setup(house: House) -> SetupState:
    """Whether the first administrator is still to be made."""
    return SetupState(needed=await house.auth.users.is_empty())


async def post_setup(body: SetupIn, house: House, peer: From, response: Response, log: Log) -> SessionOut:
    """Make the first administrator with the token from the link that the server printed, and log in."""
    auth = house.auth
    auth.log_in.count_setup_try(peer.address)
    await auth.setup.check(body.token)
    auth.log_in.forgive(peer.address)
    require_good_password(body.password, body.name)
    user = await auth.setup.redeem(body.token, body.name, await auth.passwords.hash(body.password))
    log.by(user)
    log.about(user.id, "first administrator")
    return await _begin(house, user.id, peer, response)


async def post_session(
    body: LogInIn, request: Request, house: House, peer: From, response: Response, log: Log
) -> SessionOut:
    """Log in. Whatever session the browser had is ended; the new one has a token that nobody knew before."""
    attempt = Attempt(body.name, body.password, peer.address, request.cookies.get(DEVICE_COOKIE, ""))
    user = await house.auth.log_in.attempt(attempt)
    log.by(await house.auth.users.get(user))
    before = request.state.principal
    if before is not None:
        await house.auth.sessions.revoke(before.session)
    if not await house.auth.sessions.knows_device(attempt.device, user):
        await _remember_device(house, user, peer, response)
    return await _begin(house, user, peer, response)


async def get_session(visitor: Visitor) -> SessionOut:
    """Who one is."""
    if visitor is None:
        raise not_signed_in()
    return SessionOut.of(visitor)


async def delete_session(caller: Caller, house: House, response: Response) -> None:
    """Log out: the session is gone on the server, and with it every open stream."""
    await house.auth.sessions.revoke(caller.session)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")


async def put_password(body: PasswordIn, caller: Caller, house: House, peer: From) -> None:
    """Change one's own password; all other sessions of the user end."""
    auth = house.auth
    auth.log_in.count_setup_try(peer.address)
    if not await auth.passwords.matches(await auth.users.hash_of(caller.user.id), body.current):
        raise Denied("the current password is wrong", code="wrong-current-password")
    auth.log_in.forgive(peer.address)
    require_good_password(body.new, caller.user.name)
    change = UserChange(password_hash=await auth.passwords.hash(body.new))
    await auth.users.update(caller.user.id, change, keep_session=caller.session)


def register(routes: Routes) -> None:
    """Add the routes."""
    routes.add("GET", "/api/setup", get_setup, access=Access.PUBLIC)
    routes.add("POST", "/api/setup", post_setup, access=Access.PUBLIC, problems=(409, 429, 503))
    routes.add("GET", "/api/session", get_session, access=Access.PUBLIC, problems=(401,))
    routes.add("POST", "/api/session", post_session, access=Access.PUBLIC, problems=(401, 429, 503))
    routes.add("DELETE", "/api/session", delete_session, access=Access.SIGNED_IN, status=204)
    routes.add("PUT", "/api/session/password", put_password, access=Access.SIGNED_IN, status=204, problems=(429, 503))


async def _begin(house: Services, user: UserId, peer: Peer, response: Response) -> SessionOut:
    token = await house.auth.sessions.create(user)
    principal = await house.auth.sessions.find(token)
    if principal is None:
        raise not_signed_in()
    _set_cookie(response, COOKIE, token, peer, LIFETIME_NS)
    return SessionOut.of(principal)


async def _remember_device(house: Services, user: UserId, peer: Peer, response: Response) -> None:
    _set_cookie(response, DEVICE_COOKIE, await house.auth.sessions.know_device(user), peer, DEVICE_LIFETIME_NS)


def _set_cookie(response: Response, name: str, value: str, peer: Peer, lifetime_ns: int) -> None:
    response.set_cookie(
        name,
        value,
        max_age=lifetime_ns // NS_PER_S,
        path="/",
        httponly=True,
        samesite="strict",
        secure=peer.scheme == "https",
    )
