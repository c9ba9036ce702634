"""Who may come in by RTSP: read tokens, by Digest or Basic. Without one, nobody, wherever the server listens."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Protocol

from haechi.base.errors import Denied
from haechi.base.ids import CameraId
from haechi.media.rtsp.auth import Challenge, DigestAnswer, Ha1, basic_password
from haechi.media.rtsp.message import Request
from haechi.media.rtsp.server import challenge_text


class Guest(Protocol):
    """Who watches."""

    async def may_still(self, camera: CameraId) -> bool:
        """Whether the camera is there, and theirs to see, as of some seconds ago at most."""


class Door(Protocol):
    """Who knows the tokens, and writes down who watched."""

    @property
    def realm(self) -> str:
        """What the players are asked for a log-in to."""

    async def by_token(self, token: str, address: str) -> Guest:
        """Who holds this token.

        Raises:
            Denied: Nobody.
            Unavailable: Too many wrong ones came from there; or it cannot be looked up now.
        """

    async def by_digest(self, name: str, proves: Callable[[Ha1], bool], address: str) -> Guest:
        """Who ``name`` is, if ``proves`` says yes to what is kept of their token.

        Raises:
            Denied: Nobody.
            Unavailable: As above.
        """

    def watched(self, guest: Guest, camera: CameraId) -> None:
        """Somebody looks at a camera, now; called again and again while that goes on."""


class PlayerDoorman:
    """The doorman of one connection; see `haechi.media.rtsp.server.Doorman`. Ask `consider` before each request.

    A token is looked up once in a connection: after that its requests are checked against what it showed, so that the
    requests that keep a session alive do not depend on the database. Whether it still may watch is asked elsewhere.
    """

    def __init__(self, door: Door, address: str, nonce: str) -> None:
        self._door = door
        self._address = address
        self._challenge = Challenge("digest", door.realm, nonce, "MD5", "", "auth")
        self._proved: tuple[str, Ha1] | None = None
        self._token = b""
        self._is_let_in = False
        self.guest: Guest | None = None

    def challenges(self) -> tuple[str, ...]:
        """The strongest first (RFC 7616 section 3.7); ffmpeg takes the last Digest that it reads, which is MD5."""
        strong = Challenge("digest", self._door.realm, self._challenge.nonce, "SHA-256", "", "auth")
        basic = Challenge("basic", self._door.realm)
        return (challenge_text(strong), challenge_text(self._challenge), challenge_text(basic))

    def admits(self, request: Request) -> bool:
        """What `consider` found."""
        return self._is_let_in

    async def consider(self, request: Request) -> None:
        """Look at the log-in that a request carries.

        Raises:
            Unavailable: It cannot be said now whether it is right.
        """
        self._is_let_in = False
        header = request.headers.get("Authorization")
        answer = DigestAnswer.parse(header)
        password = basic_password(header)
        try:
            if answer is not None:
                await self._by_digest(answer, request.method)
            elif password is not None:
                await self._by_password(password)
        except Denied:
            self._is_let_in = False

    async def _by_digest(self, answer: DigestAnswer, method: str) -> None:
        if self._proved is not None and self._proved[0] == answer.username:
            self._is_let_in = answer.proves(self._proved[1], self._challenge, method)
            return
        seen: list[Ha1] = []

        def proves(ha1: Ha1) -> bool:
            seen.append(ha1)
            return answer.proves(ha1, self._challenge, method)

        self.guest = await self._door.by_digest(answer.username, proves, self._address)
        self._proved = (answer.username, seen[-1])
        self._is_let_in = True

    async def _by_password(self, password: str) -> None:
        token = password.encode("utf-8", "replace")
        if not self._token or not hmac.compare_digest(self._token, token):
            self.guest = await self._door.by_token(password, self._address)
            self._token = token
        self._is_let_in = True
