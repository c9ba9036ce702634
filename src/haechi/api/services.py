"""What the edge stands on. The app fills it in; the tests fill it in with other things that behave the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from haechi.api.auth.log_in import LogIn
from haechi.api.auth.passwords import Passwords
from haechi.api.auth.read_tokens import ReadTokens
from haechi.api.auth.sessions import SessionStore
from haechi.api.auth.setup import SetupTokens
from haechi.api.auth.users import UserStore
from haechi.fleet.phones.ice import IceServers
from haechi.live.rtsp.counts import Counts

if TYPE_CHECKING:
    from haechi.api.audit import Audit
    from haechi.api.layouts import LayoutStore
    from haechi.api.outlook import Outlook
    from haechi.api.settings import SettingsStore
    from haechi.base.clock import Clock
    from haechi.bus.frames import FrameBus
    from haechi.events.centre import EventCentre
    from haechi.events.counts.store import CountStore
    from haechi.events.reported.room import ReportRoom
    from haechi.events.rulebook import RuleStore
    from haechi.fleet.cameras import CameraRegistry
    from haechi.fleet.onvif.control import OnvifControl
    from haechi.ingest.manager import IngestManager
    from haechi.ingest.sites.site import Sites
    from haechi.live.mse import LiveHub
    from haechi.live.whep.viewers import Viewers
    from haechi.record.exports.cutter import Cutter
    from haechi.record.exports.runner import Exports
    from haechi.record.films.runner import Films
    from haechi.record.index.spans import RecordIndex
    from haechi.record.playback.footage import Playback
    from haechi.record.playback.previews import Previews
    from haechi.record.playback.reel import Reel
    from haechi.record.retention.bookmarks import BookmarkStore
    from haechi.record.retention.deletion import Retention
    from haechi.record.tiers.room import Tiers
    from haechi.store.database import Database
    from haechi.vision.activity import ActivityStore
    from haechi.vision.inspection import InspectionStore
    from haechi.vision.lines import LineStore
    from haechi.vision.models import ModelStore
    from haechi.vision.modules.room import ModuleRoom
    from haechi.vision.pool import VisionPool
    from haechi.vision.view.room import ViewRoom
    from haechi.vision.zones import ZoneStore

STATIC = Path(__file__).parent / "static"


class EdgeConfig(Struct, frozen=True):
    """How this server faces the world. Fixed while it runs.

    Attributes:
        trusted_proxies: Addresses and networks whose ``X-Forwarded-*`` headers are believed.
        allowed_origins: Origins besides our own from which pages may act, for example a name behind a proxy.
        metrics_token: What a scraper sends as bearer token to read ``/metrics``; empty: administrators only.
        record_path: Where recordings are, for the system page.
        static: Folder of the built user interface.
        ice: Servers that find phones and who watches them a way.
    """

    version: str
    started_ns: int
    trusted_proxies: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    metrics_token: str = ""
    record_path: Path = Path()
    static: Path = STATIC
    ice: IceServers = IceServers()
    demo: bool = False

    def __repr__(self) -> str:
        return f"EdgeConfig(version={self.version!r}, demo={self.demo})"


@dataclass(frozen=True, slots=True)
class Auth:
    """Everything about who somebody is."""

    users: UserStore
    sessions: SessionStore
    setup: SetupTokens
    passwords: Passwords
    log_in: LogIn
    read_tokens: ReadTokens

    @classmethod
    def over(cls, database: Database, clock: Clock, passwords: Passwords | None = None) -> Auth:
        """The usual set over one database."""
        users, sessions, hasher = UserStore(database, clock), SessionStore(database, clock), passwords or Passwords()
        log_in, read_tokens = LogIn(users, sessions, hasher, clock), ReadTokens(database, clock)
        return cls(users, sessions, SetupTokens(database, clock), hasher, log_in, read_tokens)


@dataclass(frozen=True, slots=True)
class Keeping:
    """What is kept, taken away, marked, and written down."""

    retention: Retention
    exports: Exports
    cutter: Cutter
    bookmarks: BookmarkStore
    audit: Audit
    outlook: Outlook
    tiers: Tiers


@dataclass(frozen=True, slots=True)
class Services:
    """The rooms of the house, as the edge sees them."""

    config: EdgeConfig
    clock: Clock
    database: Database
    auth: Auth
    settings: SettingsStore
    layouts: LayoutStore
    bus: FrameBus
    registry: CameraRegistry
    ingest: IngestManager
    onvif: OnvifControl
    live: LiveHub
    whep: Viewers
    index: RecordIndex
    playback: Playback
    reel: Reel
    previews: Previews
    vision: VisionPool
    models: ModelStore
    modules: ModuleRoom
    activity: ActivityStore
    inspection: InspectionStore
    zones: ZoneStore
    lines: LineStore
    rules: RuleStore
    counts: CountStore
    views: ViewRoom
    events: EventCentre
    reports: ReportRoom
    keeping: Keeping
    films: Films
    sites: Sites
    rtsp: Counts = field(default_factory=Counts)
    extra_collectors: Sequence[object] = field(default_factory=tuple)
