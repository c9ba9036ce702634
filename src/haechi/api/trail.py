"""Which requests go to the audit log. Every route that changes something stands here, or says why it does not.

The entry is written before the answer begins: what nobody could write down is not shown, and 503 is the answer. Entries
of what was done already by then, and of live pictures, which go on whatever happens to the database (CONTRACT D4), are
owed: see `Audit.note`. Denied requests are not entries, except for log-ins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from msgspec import Struct
from starlette.requests import HTTPConnection
from starlette.types import Message, Receive, Scope, Send

from haechi.api.audit import Action, Actor, Audit
from haechi.api.problems import problem_of, problem_response
from haechi.base.errors import Unavailable

if TYPE_CHECKING:
    from haechi.api.auth.principal import Principal, User
    from haechi.api.peer import Peer


log = structlog.get_logger(__name__)


class Rule(Struct, frozen=True):
    """What a route's use is in the log.

    Attributes:
        often: Asked for again and again by one page: one entry in five minutes for each person and thing.
        live: What is seen now: as with `haechi.api.sockets.live`, it is not held up by the log.
    """

    action: Action
    often: bool = False
    live: bool = False


_LOOK = Rule(Action.VIEW, often=True)
_WATCH = Rule(Action.VIEW, live=True)
_TAKE = Rule(Action.EXPORT)
_CAMERA, _EVENT, _EXPORT, _BOOKMARK = (
    "/api/cameras/{camera}",
    "/api/events/{event}",
    "/api/exports/{export}",
    "/api/bookmarks/{bookmark}",
)

AUDITED: dict[tuple[str, str], Rule] = {
    ("GET", f"{_CAMERA}/latest.jpg"): _WATCH,
    ("GET", "/{camera}/index.m3u8"): _WATCH,
    ("GET", "/{camera}/hls/{stream}/{track}.m3u8"): _WATCH,
    ("GET", "/{camera}/hls/{stream}/{track}/{piece}"): _WATCH,
    ("GET", "/{camera}/live.mjpeg"): _WATCH,
    ("GET", f"{_CAMERA}/still.jpg"): _LOOK,
    ("GET", f"{_CAMERA}/index.m3u8"): _LOOK,
    ("GET", f"{_CAMERA}/pieces"): _LOOK,
    ("GET", f"{_CAMERA}/footage.mp4"): _LOOK,
    ("GET", f"{_CAMERA}/syncs.mp4"): _LOOK,
    ("GET", f"{_CAMERA}/sound.mp4"): _LOOK,
    ("GET", f"{_CAMERA}/preview.jpg"): _LOOK,
    ("GET", f"{_CAMERA}/sheet.jpg"): _LOOK,
    ("GET", f"{_CAMERA}/views/{{view}}/{{side}}.jpg"): _LOOK,
    ("GET", f"{_CAMERA}/recordings/{{recording}}.mp4"): _LOOK,
    ("POST", f"{_CAMERA}/motion-search"): _LOOK,
    ("GET", f"{_EVENT}/clip.mp4"): _LOOK,
    ("GET", f"{_EVENT}/snapshot.jpg"): _LOOK,
    ("POST", f"{_EVENT}/replay"): _LOOK,
    ("GET", f"{_CAMERA}/clip.mp4"): _TAKE,
    ("POST", "/api/exports"): _TAKE,
    ("GET", f"{_EXPORT}/file.mp4"): Rule(Action.EXPORT, often=True),
    ("DELETE", _EXPORT): Rule(Action.DELETE),
    ("POST", "/api/bookmarks"): Rule(Action.PIN),
    ("PATCH", _BOOKMARK): Rule(Action.PIN),
    ("DELETE", _BOOKMARK): Rule(Action.PIN),
    ("PUT", "/api/retention"): Rule(Action.SETTINGS),
    ("PUT", f"{_CAMERA}/retention"): Rule(Action.SETTINGS),
    ("PATCH", "/api/settings"): Rule(Action.SETTINGS),
    ("PUT", f"{_CAMERA}/zones"): Rule(Action.SETTINGS),
    ("PUT", f"{_CAMERA}/modules"): Rule(Action.SETTINGS),
    ("PUT", f"{_CAMERA}/inspection"): Rule(Action.SETTINGS),
    ("PUT", f"{_CAMERA}/lines"): Rule(Action.SETTINGS),
    ("POST", f"{_CAMERA}/views"): Rule(Action.SETTINGS),
    ("POST", f"{_CAMERA}/views/{{view}}/accept"): Rule(Action.SETTINGS),
    ("POST", f"{_CAMERA}/views/{{view}}/undo"): Rule(Action.SETTINGS),
    ("GET", f"{_CAMERA}/counts.csv"): _TAKE,
    ("PUT", f"{_CAMERA}/rules"): Rule(Action.SETTINGS),
    ("POST", "/api/cameras"): Rule(Action.CAMERAS),
    ("PATCH", _CAMERA): Rule(Action.CAMERAS),
    ("POST", f"{_CAMERA}/dial/token"): Rule(Action.CAMERAS),
    ("POST", f"{_CAMERA}/publish/token"): Rule(Action.CAMERAS),
    ("POST", "/{camera}/whep"): _WATCH,
    ("POST", "/{camera}/whip"): Rule(Action.CAMERAS),
    ("DELETE", "/{camera}/whip/{publication}"): Rule(Action.CAMERAS),
    ("PUT", f"{_CAMERA}/onvif"): Rule(Action.CAMERAS),
    ("DELETE", f"{_CAMERA}/onvif"): Rule(Action.CAMERAS),
    ("POST", f"{_CAMERA}/onvif/clock"): Rule(Action.CAMERAS),
    ("PUT", f"{_CAMERA}/sub-stream"): Rule(Action.CAMERAS),
    ("DELETE", f"{_CAMERA}/sub-stream"): Rule(Action.CAMERAS),
    ("PUT", f"{_CAMERA}/reports"): Rule(Action.SETTINGS),
    ("POST", f"{_CAMERA}/ptz"): Rule(Action.CAMERAS, often=True),
    ("POST", f"{_CAMERA}/presets"): Rule(Action.CAMERAS),
    ("DELETE", _CAMERA): Rule(Action.DELETE),
    ("POST", "/api/phones/pairings"): Rule(Action.CAMERAS),
    ("POST", "/api/phones/pair"): Rule(Action.CAMERAS),
    ("DELETE", "/api/phones/own/pairing"): Rule(Action.CAMERAS),
    ("PATCH", "/api/phones/{camera}"): Rule(Action.CAMERAS),
    ("POST", "/api/phones/{camera}/unpair"): Rule(Action.CAMERAS),
    ("POST", "/api/films"): Rule(Action.CAMERAS),
    ("PATCH", "/api/films/{film}/file"): Rule(Action.CAMERAS, often=True),
    ("DELETE", "/api/films/{film}"): Rule(Action.DELETE),
    ("PATCH", _EVENT): Rule(Action.REVIEW),
    ("POST", "/api/events/review"): Rule(Action.REVIEW),
    ("POST", "/api/push-clients"): Rule(Action.CAMERAS),
    ("PATCH", "/api/push-clients/{client}"): Rule(Action.CAMERAS),
    ("DELETE", "/api/push-clients/{client}"): Rule(Action.CAMERAS),
    ("POST", "/api/read-tokens"): Rule(Action.USERS),
    ("DELETE", "/api/read-tokens/{read_token}"): Rule(Action.USERS),
    ("POST", "/api/users"): Rule(Action.USERS),
    ("PATCH", "/api/users/{user}"): Rule(Action.USERS),
    ("DELETE", "/api/users/{user}"): Rule(Action.USERS),
    ("PUT", "/api/session/password"): Rule(Action.USERS),
    ("POST", "/api/setup"): Rule(Action.LOG_IN),
    ("POST", "/api/session"): Rule(Action.LOG_IN),
    ("DELETE", "/api/session"): Rule(Action.LOG_OUT),
    ("GET", "/api/audit.csv"): _TAKE,
}

CHANGES_NOTHING = {
    ("PATCH", "/{camera}/whip/{publication}"): "finds another way for packets, changes nothing that is kept",
    ("OPTIONS", "/{camera}/whip"): "says what may be sent",
    ("OPTIONS", "/{camera}/whep"): "says what may be sent",
    ("PATCH", "/{camera}/whep/{viewer}"): "finds another way for packets, changes nothing that is kept",
    ("DELETE", "/{camera}/whep/{viewer}"): "ends what was watched, changes nothing that is kept",
    ("POST", "/api/cameras/probe"): "tries an address, keeps nothing",
    ("POST", "/api/cameras/discover"): "asks who is there, keeps nothing",
    ("POST", f"{_CAMERA}/onvif/find"): "asks a device what it is, keeps nothing",
    ("POST", "/api/cameras/describe"): "asks a device what it is, keeps nothing",
    ("POST", "/api/films/look"): "asks a site what is there, keeps nothing",
    ("POST", "/api/layouts"): "how somebody looks at the wall, seen by nobody else",
    ("PUT", "/api/layouts/{layout}"): "as above",
    ("DELETE", "/api/layouts/{layout}"): "as above",
    ("POST", "/api/retention/plan"): "says what would go, deletes nothing",
}
"""Routes that are no reading in HTTP's eyes, and still nothing to write down."""

_THINGS = ("camera", "event", "export", "bookmark", "user", "film", "read_token")


class Witness:
    """Writes down one request, when it is answered well. A route may say more precisely what it did."""

    def __init__(self, audit: Audit, rule: Rule, connection: HTTPConnection, path: str) -> None:
        principal: Principal | None = connection.state.principal
        peer: Peer = connection.state.peer
        self._audit = audit
        self._rule = rule
        self._actor = Actor() if principal is None else Actor(principal.user.id, principal.user.name)
        self._thing = next((connection.path_params[one] for one in _THINGS if one in connection.path_params), "")
        self._detail = path.rsplit("/", 1)[-1] if "}" not in path.rsplit("/", 1)[-1] else ""
        self._address = peer.address
        self._is_done = connection.scope["method"] not in {"GET", "HEAD"}

    def about(self, thing: str, detail: str = "") -> None:
        """What it is about. ``detail`` names what changed, and holds nothing secret."""
        self._thing, self._detail = thing, detail

    def by(self, user: User) -> None:
        """Who it was, where nobody was logged in before."""
        self._actor = Actor(user.id, user.name)

    def watching(self, scope: Scope, receive: Receive, send: Send) -> Send:
        """``send``, with the entry written before the answer begins; or with another answer, where it cannot be."""
        is_held_back = False

        async def watched(message: Message) -> None:
            nonlocal is_held_back
            if is_held_back:
                return
            if message["type"] == "http.response.start":
                try:
                    await self._note(message["status"])
                except Unavailable as error:
                    is_held_back = True
                    log.error("not answered: the audit log cannot be written", path=scope["path"], reason=str(error))
                    await problem_response(problem_of(error))(scope, receive, send)
                    return
            await send(message)

        return watched

    async def _note(self, status: int) -> None:
        """Write down what is answered.

        Raises:
            Unavailable: It cannot be written, and nothing was done or shown yet.
        """
        if status < 400:
            await self._write()
        elif self._is_log_in:
            await self._audit.seen(Actor(), Action.REFUSED, "", f"from {self._address}", anyway=True)

    async def _write(self) -> None:
        detail = f"{self._detail} from {self._address}".strip() if self._is_log_in else self._detail
        action = self._rule.action
        if self._rule.live:
            self._audit.watching(self._actor, self._thing)
        elif self._rule.often:
            await self._audit.seen(self._actor, action, self._thing, detail)
        else:
            await self._audit.record(self._actor, action, self._thing, detail, anyway=self._is_done)

    @property
    def _is_log_in(self) -> bool:
        return self._rule.action is Action.LOG_IN
