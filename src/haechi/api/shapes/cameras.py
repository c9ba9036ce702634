"""Cameras, their state and probes as JSON."""

from typing import Annotated, Literal

from pydantic import Field

from haechi.api.shapes.fields import Fault, Input, Name, Shape
from haechi.base.clock import NS_PER_MS
from haechi.base.redact import redact_text
from haechi.fleet.cameras import Camera
from haechi.ingest.camera import IngestStatus
from haechi.ingest.probe import ProbeReport

Transport = Literal["tcp", "udp", "auto"]
Url = Annotated[str, Field(min_length=1, max_length=2048, examples=["rtsp://192.0.2.20/stream1"])]
Credential = Annotated[str, Field(max_length=256)]


class CameraStatusOut(Shape):
    """What a camera does at the moment."""

    state: Literal["live", "connecting", "offline", "waiting", "peer", "disabled"]
    since_ms: int
    attempt: int
    error: Fault | None
    codec: str | None
    width: int | None
    height: int | None
    fps: float | None
    bitrate_bps: int | None
    audio_codec: str | None
    run: int | None

    @classmethod
    def of(cls, status: IngestStatus) -> "CameraStatusOut":
        """From ingest's own."""
        error = Fault(code=status.error_code, message=redact_text(status.error_message)) if status.error_code else None
        return cls(
            state=status.state,
            since_ms=status.since_ns // NS_PER_MS,
            attempt=status.attempt,
            error=error,
            codec=status.codec or None,
            width=status.width_px or None,
            height=status.height_px or None,
            fps=round(status.fps, 2) if status.state == "live" else None,
            bitrate_bps=status.bitrate_bps if status.state == "live" else None,
            audio_codec=status.audio_codec or None,
            run=status.run or None,
        )


class CameraOut(Shape):
    """A camera. ``url`` never holds the credentials."""

    id: str
    name: str
    url: str
    has_credentials: bool
    transport: Transport
    enabled: bool
    audio: bool
    position: int
    created_ms: int
    status: CameraStatusOut

    @classmethod
    def of(cls, camera: Camera, status: IngestStatus) -> "CameraOut":
        """From the registry's and ingest's own."""
        return cls(
            id=camera.id,
            name=camera.name,
            url=camera.redacted_url,
            has_credentials=camera.has_credentials,
            transport=camera.transport,
            enabled=camera.enabled,
            audio=camera.audio,
            position=camera.position,
            created_ms=camera.created_ns // NS_PER_MS,
            status=CameraStatusOut.of(status),
        )


class CameraList(Shape):
    """All cameras that one may see, in the order of the lists."""

    cameras: list[CameraOut]


class CameraAdd(Input):
    """A camera to add. Credentials may stand in ``url`` or in their own fields, not in both."""

    name: Name
    url: Url
    username: Credential = ""
    password: Credential = ""
    transport: Transport = "auto"
    enabled: bool = True
    audio: bool = False


class CameraPatch(Input):
    """What to change. An absent field stays; an empty ``username`` removes the credentials."""

    name: Name | None = None
    url: Url | None = None
    username: Credential | None = None
    password: Credential | None = None
    transport: Transport | None = None
    enabled: bool | None = None
    audio: bool | None = None
    position: Annotated[int, Field(ge=0, le=100_000)] | None = None


class ProbeIn(Input):
    """An address to try. With ``camera`` the stored credentials of that camera are used where none are given."""

    url: Url
    username: Credential = ""
    password: Credential = ""
    transport: Transport = "auto"
    camera: Annotated[str, Field(max_length=40)] | None = None


class HopOut(Shape):
    """One step of the way to a picture."""

    hop: Annotated[str, Field(pattern="^[a-z]{1,20}$", description="Names such as dns, tcp, http, auth, picture.")]
    ok: bool
    ms: float
    detail: str


class ProbeOut(Shape):
    """What came of a try; ``still`` is a JPEG in base64."""

    ok: bool
    hops: list[HopOut]
    error: Fault | None
    codec: str | None
    width: int | None
    height: int | None
    audio_codec: str | None
    still: str | None

    @classmethod
    def of(cls, report: ProbeReport, still: str | None) -> "ProbeOut":
        """From ingest's own."""
        params = report.params
        return cls(
            ok=report.ok,
            hops=[
                HopOut.model_validate({"hop": hop.hop, "ok": hop.ok, "ms": hop.ms, "detail": redact_text(hop.detail)})
                for hop in report.hops
            ],
            error=None if report.ok else Fault(code=report.error_code, message=redact_text(report.error_message)),
            codec=params.codec.value if params else None,
            width=params.width_px if params else None,
            height=params.height_px if params else None,
            audio_codec=report.audio.codec.value if report.audio else None,
            still=still,
        )


class CameraMessage(Shape):
    """On ``/api/ws``: a camera changed, or does something else now."""

    type: Literal["camera"] = "camera"
    camera: CameraOut
