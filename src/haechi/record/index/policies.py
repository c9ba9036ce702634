"""What a camera wants kept, and for how long: by class, by size. By default 30 days, and no sound (CONTRACT S11)."""

from enum import IntEnum, StrEnum

from msgspec import Struct

from haechi.base.clock import NS_PER_S
from haechi.base.errors import Invalid
from haechi.base.ids import StreamId

NS_PER_DAY = 86_400 * NS_PER_S
LEAST_KEPT_NS = 3600 * NS_PER_S
"""Nothing goes for its age before: whether something moved or happened is known only after a while."""
MOST_DAYS = 36_500.0
MOST_PURPOSE = 500
DAYS_BY_DEFAULT = 30.0


class Kept(IntEnum):
    """What a recording is kept as: the highest class that it belongs to."""

    CONTINUOUS = 0
    MOTION = 1
    EVENT = 2
    PROTECTED = 3
    """Somebody said so, or it is evidence: never deleted automatically."""


class PinKind(StrEnum):
    """What a pin says of the footage under it."""

    EVENT = "event"
    PROTECTED = "protected"


class Keep(Struct, frozen=True):
    """How long a camera's footage is kept, and how much of it at most.

    A recording with motion in it is continuous footage as well, and one of an event is both: it stays as long as the
    longest of the classes that it belongs to.

    Attributes:
        max_bytes: Of one camera, all classes together; beyond it the oldest continuous footage goes first, then motion,
            then events, and never what is protected. None: as much as there is room for.
    """

    continuous_days: float = DAYS_BY_DEFAULT
    motion_days: float = DAYS_BY_DEFAULT
    event_days: float = DAYS_BY_DEFAULT
    max_bytes: int | None = None

    def days(self, kept: Kept) -> float:
        """Days for footage of a class.

        Raises:
            ValueError: Protected footage has no end.
        """
        match kept:
            case Kept.CONTINUOUS:
                return self.continuous_days
            case Kept.MOTION:
                return max(self.continuous_days, self.motion_days)
            case Kept.EVENT:
                return max(self.continuous_days, self.motion_days, self.event_days)
            case Kept.PROTECTED:
                raise ValueError("protected footage is kept for ever")

    def horizon_ns(self, kept: Kept, now_ns: int) -> int:
        """Footage of this class that ended by then has had its time."""
        return now_ns - max(int(self.days(kept) * NS_PER_DAY), LEAST_KEPT_NS)


EXPIRING = (Kept.CONTINUOUS, Kept.MOTION, Kept.EVENT)


class Policy(Struct, frozen=True):
    """What was set for a camera; None: as the installation.

    Attributes:
        audio: Whether its sound is recorded, where sound is taken in at all. Live sound does not ask for this.
        purpose: Why it records, for the people who are recorded; empty: that of the installation.
    """

    enabled: bool | None = None
    continuous_days: float | None = None
    motion_days: float | None = None
    event_days: float | None = None
    max_bytes: int | None = None
    purpose: str = ""
    audio: bool | None = None

    def keep(self, default: Keep) -> Keep:
        """How long footage stays, with what is not set here taken from ``default``."""
        return Keep(
            default.continuous_days if self.continuous_days is None else self.continuous_days,
            default.motion_days if self.motion_days is None else self.motion_days,
            default.event_days if self.event_days is None else self.event_days,
            default.max_bytes if self.max_bytes is None else self.max_bytes,
        )

    def records(self, stream: StreamId, default: "Policy") -> bool:
        """Whether a stream of the camera is to be recorded."""
        enabled = default.enabled if self.enabled is None else self.enabled
        audio = default.audio if self.audio is None else self.audio
        is_sound = stream.endswith("/audio")
        return enabled is not False and (audio is True or not is_sound)

    def check(self) -> None:
        """Refuse what makes no sense.

        Raises:
            Invalid: ``bad-retention``.
        """
        days = (self.continuous_days, self.motion_days, self.event_days)
        if any(not 0 <= one <= MOST_DAYS for one in days if one is not None):
            raise Invalid("footage is kept for 0 to 36,500 days", code="bad-retention")
        if self.max_bytes is not None and not 0 < self.max_bytes < 1 << 62:
            raise Invalid("a limit in bytes is above 0; leave it out for none", code="bad-retention")
        if len(self.purpose) > MOST_PURPOSE:
            raise Invalid(f"a purpose has at most {MOST_PURPOSE} characters", code="bad-retention")
