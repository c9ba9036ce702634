"""How much a request may carry."""

import re

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from haechi.api.problems import plain_problem, problem_response

LARGEST_BODY_BYTES = 256 * 1024
"""The largest body that makes sense is a camera's zones (64 polygons of 64 points)."""
LARGEST_PART_BYTES = 8 * 1024 * 1024
"""Of a part of a film's file. It goes to the disk as it comes."""
_PART = re.compile(r"/api/films/[^/]+/file")


class LimitBody:
    """ASGI middleware that refuses a body by its announced size, or as soon as it has grown too large."""

    def __init__(self, app: ASGIApp, *, limit_bytes: int = LARGEST_BODY_BYTES) -> None:
        self._app = app
        self._limit_bytes = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything through that is small enough."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_part = scope["method"] == "PATCH" and _PART.fullmatch(scope["path"]) is not None
        limit = LARGEST_PART_BYTES if is_part else self._limit_bytes
        detail = f"the request is larger than {limit} bytes"
        if self._announced(scope) > limit:
            await problem_response(plain_problem(413, "too-large", detail))(scope, receive, send)
            return
        taken = 0

        async def receive_within_limit() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                raise HTTPException(413, detail)
            return message

        await self._app(scope, receive_within_limit, send)

    def _announced(self, scope: Scope) -> int:
        for name, value in scope["headers"]:
            if name == b"content-length":
                return int(value) if value.isdigit() and len(value) < 20 else self._limit_bytes + 1
        return 0
