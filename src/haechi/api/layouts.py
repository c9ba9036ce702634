"""Layouts of the live wall: each is one user's own, and nobody else's, administrators included."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from msgspec import Struct, structs
from sqlalchemy import Connection, Row

from haechi.api.auth.tables import wall_layouts
from haechi.api.auth.users import name_key
from haechi.base.clock import Clock
from haechi.base.errors import Conflict, Invalid, NotFound
from haechi.base.ids import CameraId, LayoutId, UserId, is_id, new_id
from haechi.store.database import Database

MOST_PER_USER = 50
MOST_CAMERAS = 1000
LONGEST_NAME = 80
SIZES = ("auto", "1", "4", "9", "16", "25", "36", "64", "100")
"""Tiles on a page."""
SHORTEST_TURN_S, LONGEST_TURN_S = 3, 3600


class LayoutDraft(Struct, frozen=True):
    """What a user says of a layout.

    Attributes:
        size: One of `SIZES`.
        cameras: In this order; None: all that the user may see, in the house's order.
        focus: The camera whose tile is twice as wide and high as the others.
        turn_s: How long a page stays while pages turn by themselves.
        is_default: Opened where the address names none. One of a user's layouts is, or none.
    """

    name: str
    size: str = "auto"
    cameras: tuple[CameraId, ...] | None = None
    focus: CameraId | None = None
    turn_s: int = 10
    is_default: bool = False


class Layout(LayoutDraft, frozen=True, kw_only=True):
    """A layout that is kept."""

    id: LayoutId
    user: UserId
    changed_ns: int

    def among(self, visible: Collection[CameraId]) -> Layout:
        """As its user may see it now: what was deleted or taken away is not in it, as if it had never been."""
        cameras = None if self.cameras is None else tuple(one for one in self.cameras if one in visible)
        return structs.replace(self, cameras=cameras, focus=self.focus if self.focus in visible else None)


class LayoutStore:
    """The layouts in the database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def list(self, user: UserId) -> Sequence[Layout]:
        """One user's, by name."""
        query = wall_layouts.select().where(wall_layouts.c.user == user).order_by(wall_layouts.c.name_key)
        rows = await self._database.read(lambda c: c.execute(query).all())
        return [_layout(row) for row in rows]

    async def get(self, layout_id: LayoutId, user: UserId) -> Layout:
        """One of them, if it is this user's.

        Raises:
            NotFound: ``layout-not-found``.
        """
        query = wall_layouts.select().where(_is_theirs(layout_id, user))
        row = await self._database.read(lambda c: c.execute(query).one_or_none()) if is_id(layout_id, "lay") else None
        if row is None:
            raise not_found()
        return _layout(row)

    async def add(self, user: UserId, draft: LayoutDraft) -> Layout:
        """Keep a new one.

        Raises:
            Invalid: ``bad-name``, ``bad-layout``.
            Conflict: ``layout-exists``, ``too-many-layouts``.
        """
        made = self._made(LayoutId(new_id("lay")), user, draft)

        def insert(connection: Connection) -> None:
            mine = sa.select(sa.func.count()).select_from(wall_layouts).where(wall_layouts.c.user == user)
            if connection.execute(mine).scalar_one() >= MOST_PER_USER:
                message = "you have as many layouts as there may be; delete some"
                raise Conflict(message, code="too-many-layouts", limit=MOST_PER_USER)
            _make_room(connection, made)
            connection.execute(wall_layouts.insert().values(_row(made)))

        await self._database.write(insert)
        return made

    async def put(self, layout_id: LayoutId, user: UserId, draft: LayoutDraft) -> Layout:
        """Replace one.

        Raises:
            Invalid: As `add`.
            Conflict: ``layout-exists``.
            NotFound: ``layout-not-found``.
        """
        made = self._made(layout_id, user, draft)

        def update(connection: Connection) -> None:
            _make_room(connection, made)
            changed = wall_layouts.update().where(_is_theirs(layout_id, user)).values(_row(made))
            if not connection.execute(changed).rowcount:
                raise not_found()

        await self._database.write(update)
        return made

    async def remove(self, layout_id: LayoutId, user: UserId) -> None:
        """Let go of one.

        Raises:
            NotFound: ``layout-not-found``.
        """
        gone = await self._database.write(
            lambda c: c.execute(wall_layouts.delete().where(_is_theirs(layout_id, user))).rowcount
        )
        if not gone:
            raise not_found()

    def _made(self, layout_id: LayoutId, user: UserId, draft: LayoutDraft) -> Layout:
        return Layout(**structs.asdict(_checked(draft)), id=layout_id, user=user, changed_ns=self._clock.wall_ns())


def not_found() -> NotFound:
    """The one answer about a layout that is not there, or is somebody else's."""
    return NotFound("no such layout", code="layout-not-found")


def _checked(draft: LayoutDraft) -> LayoutDraft:
    name = " ".join(draft.name.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise Invalid(f"a name has 1 to {LONGEST_NAME} characters that can be shown", code="bad-name")
    if draft.size not in SIZES:
        raise Invalid(f"size is one of {', '.join(SIZES)}", code="bad-layout")
    if not SHORTEST_TURN_S <= draft.turn_s <= LONGEST_TURN_S:
        raise Invalid(f"pages turn after {SHORTEST_TURN_S} to {LONGEST_TURN_S} s", code="bad-layout")
    cameras = None if draft.cameras is None else tuple(dict.fromkeys(draft.cameras))
    if cameras is not None and not 0 < len(cameras) <= MOST_CAMERAS:
        raise Invalid(f"a layout has 1 to {MOST_CAMERAS} cameras", code="bad-layout")
    if cameras is not None and draft.focus is not None and draft.focus not in cameras:
        raise Invalid("the camera in focus is not one of the layout's", code="bad-layout")
    return structs.replace(draft, name=name, cameras=cameras)


def _make_room(connection: Connection, layout: Layout) -> None:
    """Its name is nobody else's among this user's, and no other is the default where it is."""
    others = sa.and_(wall_layouts.c.user == layout.user, wall_layouts.c.id != layout.id)
    same = sa.select(wall_layouts.c.id).where(others, wall_layouts.c.name_key == name_key(layout.name))
    if connection.execute(same).first() is not None:
        raise Conflict("you have a layout of this name", code="layout-exists")
    if layout.is_default:
        connection.execute(wall_layouts.update().where(others).values(is_default=False))


def _is_theirs(layout_id: LayoutId, user: UserId) -> sa.ColumnElement[bool]:
    return sa.and_(wall_layouts.c.id == layout_id, wall_layouts.c.user == user)


def _row(layout: Layout) -> dict[str, object]:
    cameras = None if layout.cameras is None else list(layout.cameras)
    return {**structs.asdict(layout), "cameras": cameras, "name_key": name_key(layout.name)}


def _layout(row: Row[Any]) -> Layout:
    fields = {name: row._mapping[name] for name in Layout.__struct_fields__}
    fields["cameras"] = None if row.cameras is None else tuple(CameraId(one) for one in row.cameras)
    return Layout(**fields)
