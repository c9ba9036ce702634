"""Settings of an installation: one frozen, typed, described object.

Order of precedence: command-line flags, environment (``HAECHI_...``, two underscores between levels), ``config.yaml``,
defaults. Cameras, zones and rules are data, not settings: they live in the database.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from platformdirs import PlatformDirs
from pydantic import BaseModel, ConfigDict, Field, IPvAnyAddress, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    YamlConfigSettingsSource,
)

from haechi.app.reverse_settings import ReverseSettings
from haechi.base.errors import Invalid
from haechi.fleet.phones.ice import parse_ice_url
from haechi.ingest.reach import parse_ranges

_DIRS = PlatformDirs("haechi", appauthor=False)


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HttpSettings(_Section):
    """Where the user interface and the API listen."""

    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 for all. Everything asks for a log-in.")
    port: int = Field(8300, ge=0, le=65535, description="Port; when it is taken the next free one is used and printed.")
    trusted_proxies: tuple[str, ...] = Field(
        (), description="Addresses of reverse proxies whose X-Forwarded-For is believed."
    )
    allowed_origins: tuple[str, ...] = Field(
        (), description="Other addresses under which browsers know this server, for example https://cams.example.org."
    )
    metrics_token: str = Field("", description="Bearer token with which /metrics may be read without a session.")


class SourceSettings(_Section):
    """Where cameras may be. Private and public addresses may, unless shut out here."""

    allow: tuple[str, ...] = Field(
        (),
        max_length=64,
        description="Ranges of addresses that cameras may have, too, for example 127.0.0.0/8 where they run on the "
        "server itself, or 169.254.0.0/16 for link-local ones.",
    )
    deny: tuple[str, ...] = Field(
        (), max_length=64, description="Ranges of addresses that no camera may have, for example 10.0.0.0/8; it wins."
    )

    @field_validator("allow", "deny")
    @classmethod
    def _are_ranges(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        try:
            parse_ranges(texts)
        except Invalid as error:
            raise ValueError(error.message) from error
        return texts


class WhipSettings(_Section):
    """Cameras that a browser or an encoder publishes by WebRTC (WHIP)."""

    enabled: bool = Field(True, description="Take publishers; the port is open while there is such a camera.")
    host: str = Field("", description="Address to listen on; empty: the same as http.host.")
    port: int = Field(
        8555, ge=0, le=65535, description="UDP port; when it is taken the next free one is used and logged."
    )
    addresses: tuple[IPvAnyAddress, ...] = Field(
        (),
        max_length=8,
        description="Addresses under which publishers reach this server, for example the public one of a router that"
        " forwards the port; empty: those of this machine.",
    )


class TurnSettings(_Section):
    """Servers that find a phone and who watches it a way to each other (STUN), or carry what they say (TURN)."""

    urls: tuple[str, ...] = Field(
        (),
        max_length=8,
        description="As browsers take them, for example stun:turn.example.org:3478 and "
        "turn:turn.example.org:3478?transport=udp; empty: phones are watched in the same network only.",
    )
    secret: str = Field(
        "", max_length=256, description="What this server and the TURN server know (coturn: static-auth-secret)."
    )
    ttl_s: int = Field(
        43_200, ge=600, le=43_200, description="How long a browser can use what it is given, in seconds."
    )

    @model_validator(mode="after")
    def _is_usable(self) -> Self:
        try:
            relays = [url for url in map(parse_ice_url, self.urls) if url.is_relay]
        except Invalid as error:
            raise ValueError(error.message) from error
        if relays and not self.secret:
            raise ValueError("turn.urls has a turn: address: set turn.secret, too (see docs/guide/phone-camera.md)")
        return self


class WhepSettings(_Section):
    """Watching by WebRTC (WHEP), through the port of whip."""

    enabled: bool = Field(True, description="Let browsers and players watch by WebRTC; the port opens for the first.")
    most_viewers: int = Field(500, ge=1, le=1000, description="Who may watch by WebRTC at the same time.")


class RtspSettings(_Section):
    """Players and other systems that watch by RTSP. Nobody does without a read token."""

    enabled: bool = Field(True, description="Let them. The stream itself is not encrypted.")
    host: str = Field("", description="Address to listen on; empty: the same as http.host.")
    port: int = Field(8554, ge=0, le=65535, description="Port; when it is taken the next free one is used and logged.")
    udp: bool = Field(True, description="Send RTP by UDP to those who ask for it; TCP always works.")
    rtp_port: int = Field(
        8556,
        ge=0,
        le=65534,
        multiple_of=2,
        description="The even UDP port for RTP; the next one is for reports. When one is taken the next free pair is "
        "used and logged.",
    )


class LivePictures(_Section):
    """What viewers get."""

    renditions: int = Field(
        0,
        ge=0,
        le=1000,
        description="How many small pictures are made at once, for walls and for browsers that do not play what the "
        "camera sends; one in full size counts as four. 0: four for each processor.",
    )


class PushSettings(_Section):
    """The result socket: clients that push video and get results back; see haechi push and haechi client."""

    enabled: bool = Field(False, description="Listen for them. From other machines they must speak TLS.")
    host: str = Field("", description="Address to listen on; empty: the same as http.host.")
    port: int = Field(8342, ge=0, le=65535, description="Port; when it is taken the next free one is used and logged.")
    udp: bool = Field(True, description="Take RTP by UDP as well, on the port of the same number; it is not sealed.")
    modules: tuple[str, ...] = Field(
        ("objects", "pose"),
        max_length=16,
        description="What may be asked for: objects, pose, names of detectors, and of modules that others installed "
        "(entry points haechi.modules). Each is a process of its own once asked for.",
    )
    module_deadline_s: float = Field(
        5.0,
        gt=0,
        le=600,
        description="How long pose or an installed module may take for one picture; then it is ended.",
    )
    open_modules: tuple[str, ...] = Field(
        (),
        max_length=16,
        description="Installed modules that are not locked in (no network, files, devices): they need a GPU, for one.",
    )
    max_clients: int = Field(32, ge=1, le=1000, description="Clients at once.")
    max_mbit_s: int = Field(1000, ge=1, le=100_000, description="What one client may send, in Mbit/s.")


class TierSettings(_Section):
    """One more place for footage: a folder on another disk, or an object store. Its keys come from the environment."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$", description="What it is called, for example archive.")
    url: str = Field(
        min_length=1,
        max_length=1000,
        description="A folder, or s3://bucket/prefix, gs://bucket/prefix, az://container.",
    )
    after: str = Field(
        "1d", pattern=r"^[0-9]{1,6}[smhd]$", description="How old footage is when it goes there: 30m, 12h, 7d."
    )
    encrypt: bool = Field(False, description="Seal footage on the way there; see haechi keys.")
    min_free_bytes: int = Field(1024**3, ge=0, description="Folders: so much stays free on that disk.")
    max_bytes: int | None = Field(
        None, ge=1024**3, description="Object stores: not more footage than this; null: no limit."
    )
    endpoint: str = Field("", description="Address of an S3 service other than Amazon's, with http:// or https://.")
    region: str = Field("", description="Region of the bucket, for S3.")


class RecordSettings(_Section):
    """Recording and how long it is kept."""

    enabled: bool = Field(True, description="Record all cameras.")
    folder: Path | None = Field(None, description="Where footage goes; default: the folder record in data_dir.")
    retention_days: float = Field(30, gt=0, le=3650, description="Footage older than this is deleted.")
    min_free_bytes: int = Field(
        2 * 1024**3, ge=0, description="When less is free on the disk, the oldest footage goes first."
    )
    encrypt: bool = Field(False, description="Seal what is recorded; see haechi keys.")
    key_file: Path | None = Field(
        None, description="The ring of keys for sealed footage; default: keys.json in data_dir. Keep a copy elsewhere."
    )
    tiers: tuple[TierSettings, ...] = Field(
        (), max_length=8, description="Where footage goes when it gets older, in this order."
    )


class ExportSettings(_Section):
    """Footage that people take away as files."""

    keep_days: float = Field(7, gt=0, le=365, description="Exported files are deleted after this.")
    max_bytes: int = Field(50 * 1024**3, gt=0, description="Of all exported files together.")
    reserve_bytes: int = Field(
        1024**3, ge=0, description="No export is made that would leave less free on the disk of data_dir."
    )


class FilmSettings(_Section):
    """Films that are uploaded, or fetched from sites."""

    max_bytes: int = Field(16 * 1024**3, gt=0, description="Of one file.")
    max_hours: float = Field(24, gt=0, le=240, description="Of one film.")
    reserve_bytes: int = Field(
        1024**3, ge=0, description="No film is taken in that would leave less free on the disk of data_dir."
    )


class SiteSettings(_Section):
    """Web sites whose videos and live pictures may be taken in; needs the extra haechi[sites]."""

    hosts: tuple[str, ...] = Field(
        ("youtube.com", "youtu.be", "vimeo.com", "dailymotion.com", "twitch.tv"),
        max_length=64,
        description="Names of sites; the names below each are meant, too. Mind what a site's terms allow.",
    )


class VisionSettings(_Section):
    """Detection."""

    enabled: bool = Field(True, description="Look for objects in the pictures.")
    detector: str = Field(
        "picodet-s",
        pattern=r"^[a-z0-9-]{1,40}(\+[a-z0-9-]{1,40}){0,3}$",
        description="Which detector; see haechi models list. Joined by + they are merged: picodet-s+yolox-tiny finds "
        "more people in crowds and far off, and costs four times as much.",
    )
    runtime: Literal["openvino", "onnxruntime"] = Field("openvino", description="What runs the detector.")
    fps: float = Field(5, gt=0, le=30, description="Pictures a second to judge where something moves.")
    threads: int = Field(1, ge=1, le=64, description="Threads of the detector.")
    workers: Annotated[int, Field(ge=1, le=16)] | Literal["auto"] = Field(
        "auto",
        description="Processes that decode and detect; auto: one for every two processors, 8 at most. With two or "
        "more, the others take over at once when one dies.",
    )


class Settings(BaseSettings):
    """All settings of an installation."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="HAECHI_", env_nested_delimiter="__", yaml_file=None
    )

    data_dir: Path = Field(
        default_factory=lambda: Path(_DIRS.user_data_dir), description="Database, events, and by default footage."
    )
    cache_dir: Path = Field(
        default_factory=lambda: Path(_DIRS.user_cache_dir), description="Model weights and what can be made again."
    )
    preview_bytes: int = Field(
        512 * 1024**2, ge=0, description="Small pictures for the timeline, in cache_dir, take no more than this."
    )
    gop_cache_bytes: int = Field(
        16 * 1024**2,
        ge=0,
        description="Memory for late viewers, of each stream: a key picture and what follows it. Larger ones are not "
        "held: who comes late waits for the next.",
    )
    time_zone: str = Field("", description="Time zone of the site, for example Asia/Seoul; empty: that of the machine.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="How much is logged.")
    log_format: Literal["text", "json"] = Field("text", description="Logs for people, or for machines.")
    http: HttpSettings = Field(HttpSettings(), description="User interface and API.")
    sources: SourceSettings = Field(SourceSettings(), description="Where cameras may be.")
    reverse: ReverseSettings = Field(ReverseSettings(), description="Cameras that dial out to us.")
    record: RecordSettings = Field(RecordSettings(), description="Recording.")
    exports: ExportSettings = Field(ExportSettings(), description="Exports.")
    films: FilmSettings = Field(FilmSettings(), description="Films that are uploaded or fetched.")
    sites: SiteSettings = Field(SiteSettings(), description="Web sites that films come from.")
    vision: VisionSettings = Field(VisionSettings(), description="Detection.")
    turn: TurnSettings = Field(TurnSettings(), description="Servers that find phones and who watches them a way.")
    whip: WhipSettings = Field(WhipSettings(), description="Cameras that a browser or an encoder publishes.")
    rtsp: RtspSettings = Field(RtspSettings(), description="Players and other systems that watch by RTSP.")
    whep: WhepSettings = Field(WhepSettings(), description="Watching by WebRTC.")
    live: LivePictures = Field(LivePictures(), description="What viewers get.")
    push: PushSettings = Field(PushSettings(), description="Clients that push video and get results.")

    @property
    def record_dir(self) -> Path:
        return self.record.folder or self.data_dir / "record"

    @property
    def key_file(self) -> Path:
        return self.record.key_file or self.data_dir / "keys.json"

    @property
    def database_path(self) -> Path:
        return self.data_dir / "haechi.db"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings, env_settings, YamlConfigSettingsSource(settings_cls, yaml_file=config_path()))


def config_path() -> Path:
    """Where ``config.yaml`` is looked for: ``$HAECHI_CONFIG``, else the user's configuration folder."""
    return Path(os.environ.get("HAECHI_CONFIG", "") or Path(_DIRS.user_config_dir) / "config.yaml")


def load_settings(**overrides: object) -> Settings:
    """Read the settings.

    Raises:
        Invalid: ``bad-settings``: which one, and why.
    """
    path = config_path()
    _check_file(path)
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Invalid(f"setting {where}: {first['msg']}", code="bad-settings", file=str(path)) from error
    except SettingsError as error:
        message = f"{error}; lists in the environment are written as JSON"
        raise Invalid(message, code="bad-settings") from error


def make_folder(folder: Path, setting: str) -> None:
    """Make the folder that a setting names, unless it is there.

    Raises:
        Invalid: ``bad-settings``: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"setting {setting}: this folder cannot be made; choose another"
        raise Invalid(message, code="bad-settings", folder=str(folder), reason=error.strerror) from error


def _check_file(path: Path) -> None:
    """Read the file by itself, so that what is wrong with it as a file can be said in a sentence."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid("the file with the settings cannot be read", code="bad-settings", file=str(path)) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else None
        raise Invalid("the settings are not YAML", code="bad-settings", file=str(path), line=line) from error
    if not isinstance(found, dict | None):
        raise Invalid("the settings are no list of name: value", code="bad-settings", file=str(path))
