"""The state and the settings of the server as JSON."""

from typing import Annotated, Literal

from pydantic import Field

from haechi.api.shapes.fields import Input, Shape


class CameraCounts(Shape):
    """Of the cameras that one may see."""

    total: int
    live: int


class StorageOut(Shape):
    """The volume that holds the recordings; ``path`` is empty for viewers.

    ``alarm``: it is full, and all that is left on it is protected: nothing new can be recorded, live goes on.
    """

    path: str
    used_bytes: int
    free_bytes: int
    oldest_ms: int | None
    alarm: Literal["only-protected"] | None


class CpuOut(Shape):
    """Processor time of the server's process since it started, and the load of the machine."""

    cores: int
    process_s: float
    load_1m: float


class ModelOut(Shape):
    """A model of the manifest, and whether it is here."""

    role: str
    name: str
    version: str
    licence: str
    ready: bool


class SystemOut(Shape):
    """What runs here."""

    version: str
    started_ms: int
    cameras: CameraCounts
    storage: StorageOut
    cpu: CpuOut
    models: list[ModelOut]
    demo: bool
    time_zone: str


class SettingsShape(Shape):
    """What can be changed while the server runs."""

    retention_days: float
    min_free_bytes: int
    time_zone: str


class SettingsPatch(Input):
    """What to change."""

    retention_days: Annotated[float, Field(gt=0, le=3650, allow_inf_nan=False)] | None = None
    min_free_bytes: Annotated[int, Field(ge=0, le=2**50)] | None = None
    time_zone: Annotated[str, Field(min_length=1, max_length=64)] | None = None


class Health(Shape):
    """Whether the server is well."""

    status: str
