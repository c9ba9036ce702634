"""Puts together what is kept, taken away, marked and written down."""

from haechi.api.audit import Audit
from haechi.api.outlook import Outlook
from haechi.api.services import Auth, Keeping
from haechi.api.settings import LiveSettings, SettingsStore, time_zone
from haechi.app.burn import burn
from haechi.app.settings import Settings
from haechi.app.sound import RECODING
from haechi.app.zone import machine_zone
from haechi.base.clock import Clock
from haechi.base.errors import NotFound
from haechi.base.ids import CameraId, UserId
from haechi.record.exports.burned import Burning
from haechi.record.exports.cutter import Cutter
from haechi.record.exports.runner import Exports, ExportSettings
from haechi.record.exports.store import ExportStore
from haechi.record.index.spans import RecordIndex
from haechi.record.retention.bookmarks import BookmarkStore
from haechi.record.retention.deletion import Retention
from haechi.record.tiers.room import Tiers
from haechi.store.database import Database


def keeping_over(
    settings: Settings, database: Database, clock: Clock, auth: Auth, *, retention: Retention, tiers: Tiers
) -> Keeping:
    """All of it over one database."""

    async def may_view(user: UserId, camera: CameraId) -> bool:
        try:
            found = await auth.users.get(user)
        except NotFound:
            return False
        return found.role == "admin" or camera in found.cameras

    live = SettingsStore(database, clock, LiveSettings(time_zone=settings.time_zone or machine_zone()))

    async def burning() -> Burning:
        """As the site has it now."""
        return Burning(burn, time_zone((await live.get()).time_zone))

    cutter = Cutter(RecordIndex(database), tiers.vault, burning, RECODING)
    exports = Exports(ExportStore(database), cutter, settings.data_dir / "exports", clock, may_view)
    wish = settings.exports
    exports.settings = ExportSettings(wish.keep_days, wish.max_bytes, wish.reserve_bytes)
    return Keeping(
        retention=retention,
        exports=exports,
        cutter=cutter,
        bookmarks=BookmarkStore(database, clock),
        audit=Audit(database, clock),
        outlook=Outlook(retention, clock),
        tiers=tiers,
    )
