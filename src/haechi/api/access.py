"""The policies that a route may have, and the answers to who may not. `haechi.api.policy` holds everybody to them."""

from enum import StrEnum

from haechi.base.errors import Denied, NotFound


class Access(StrEnum):
    """Who may use a route."""

    PUBLIC = "public"
    """Anybody, logged in or not: set-up, log-in, health, the page itself."""
    SIGNED_IN = "signed-in"
    """Every user; what they get is narrowed to what they may see."""
    ADMIN = "admin"
    CAMERA_VIEW = "camera-view"
    """Users who may see the camera in the path (``{camera}``)."""
    WATCH = "watch"
    """The same, and whoever has a read token that shows the camera in the path (``{camera}``)."""
    TALK = "talk"
    """Users who may speak to the camera in the path (``{camera}``)."""
    CAMERA_ADMIN = "camera-admin"
    """Administrators; the camera in the path is looked up."""
    EVENT_VIEW = "event-view"
    """Users who may see the camera of the event in the path (``{event}``)."""
    EXPORT = "export"
    """Who asked for the export in the path (``{export}``) and may still see its camera; administrators."""
    BOOKMARK = "bookmark"
    """Who made the bookmark in the path (``{bookmark}``) and may still see its camera; administrators."""
    READ_TOKEN = "read-token"  # noqa: S105 - the name of a policy
    """Whose read token the one in the path (``{read_token}``) is; administrators."""
    LAYOUT = "layout"
    """Whose layout of the wall the one in the path (``{layout}``) is, and nobody else."""
    PUBLISH = "publish"
    """Administrators, and whoever has the bearer token of the camera in the path (``{camera}``)."""
    METRICS = "metrics"
    """Administrators, and scrapers with the bearer token."""


def camera_not_found() -> NotFound:
    """The one answer about a camera that is not there, was deleted, or is somebody else's."""
    return NotFound("no such camera", code="camera-not-found")


def may_not_speak() -> Denied:
    """The answer to who may see a camera, and not speak to it."""
    return Denied("you may see this camera, not speak to it; an administrator can allow it", code="may-not-speak")


def event_not_found() -> NotFound:
    """The one answer about an event that is not there, or is somebody else's."""
    return NotFound("no such event", code="event-not-found")


def not_signed_in() -> Denied:
    """The answer to a request without a session that lives."""
    return Denied("log in first", code="not-signed-in")
