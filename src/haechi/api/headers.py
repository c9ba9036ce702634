"""Headers that every answer carries, whoever made it."""

import re
from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",  # the component library sets its variables in a style element
    "img-src": "'self' data: blob:",
    "media-src": "'self' blob:",
    "worker-src": "'self' blob:",
    "connect-src": "'self'",
    "font-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
CONTENT_SECURITY_POLICY = "; ".join(f"{name} {sources}" for name, sources in _POLICY.items())
_HOST = re.compile(r"(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?")
_ALWAYS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=(), payment=()",
    "Cross-Origin-Resource-Policy": "same-origin",
}
NO_STORE = "private, no-store"


def policy_with_sockets(scheme: str, host: str) -> str:
    """The policy with the address of our own WebSockets in it: Safari before 15.4 does not take ``'self'`` for that.

    Args:
        host: ``host[:port]`` as the browser wrote it; one that is none is left out.
    """
    if not _HOST.fullmatch(host):
        return CONTENT_SECURITY_POLICY
    own = f"{'wss' if scheme == 'https' else 'ws'}://{host}"
    return CONTENT_SECURITY_POLICY.replace("connect-src 'self'", f"connect-src 'self' {own}")


def security_headers() -> Mapping[str, str]:
    """The headers of an answer that sets none itself; the static files set their own ``Cache-Control``."""
    return {**_ALWAYS, "Cache-Control": NO_STORE}


_RAW = tuple((name.lower().encode(), value.encode()) for name, value in security_headers().items())


class SecurityHeaders:
    """ASGI middleware that adds what an answer lacks."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything through; touch the head of each answer."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] in {"http.response.start", "websocket.http.response.start"}:
                said = list(message.get("headers", ()))
                names = {name.lower() for name, _ in said}
                message["headers"] = [*said, *(pair for pair in _RAW if pair[0] not in names)]
            await send(message)

        await self._app(scope, receive, send_with_headers)
