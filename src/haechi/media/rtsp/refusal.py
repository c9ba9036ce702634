"""What a camera's refusal means to us: one distinct error per condition."""

from __future__ import annotations

from haechi.base.errors import Denied, HaechiError, Invalid, NotFound, PeerError, Unavailable
from haechi.media.rtsp.message import Response

_BY_STATUS: dict[int, tuple[type[HaechiError], str, str]] = {
    403: (Denied, "rtsp-unauthorized", "the camera forbids this user to see it"),
    404: (NotFound, "rtsp-not-found", "the camera has nothing at this address; check the path after the host"),
    410: (NotFound, "rtsp-not-found", "the camera has nothing at this address any more; check the path"),
    453: (Unavailable, "rtsp-busy", "the camera serves no further viewers now"),
    454: (Unavailable, "rtsp-session-lost", "the camera has forgotten the session"),
    461: (Unavailable, "rtsp-transport", "the camera refuses this transport"),
    551: (Invalid, "no-back-channel", "this camera takes no sound: it knows no back channel"),
}
_REDIRECT = (Invalid, "rtsp-redirect", "the camera redirects to another address; enter that one")
_BROKEN = (Unavailable, "rtsp-server-error", "the camera answers with an error of its own")


def refusal(method: str, response: Response) -> HaechiError:
    """The error for a final answer of 300 and above to ``method``."""
    status = response.status
    found = _BY_STATUS.get(status)
    if found is None and status < 400:
        found = _REDIRECT
    elif found is None and status >= 500:
        found = _BROKEN
    if found is None:
        return PeerError(f"the camera refuses {method}", offset=0, code="rtsp-refused", status=status)
    kind, code, message = found
    return kind(message, code=code, status=status, method=method)
