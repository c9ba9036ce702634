"""The history of the views of cameras, in the database: where each lay, from when on, and who says so."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
from typing import Literal, cast

import sqlalchemy as sa
from msgspec import Struct, structs
from sqlalchemy import Connection, Row

from haechi.base.errors import Conflict, Invalid, NotFound
from haechi.base.ids import CameraId, new_id
from haechi.store.database import Database
from haechi.vision.view.geometry import IDENTITY, Point, Transform, checked, composed, inverse, placed
from haechi.vision.view.tables import view_states, views

Kind = Literal["moved", "asked", "renewed"]
Status = Literal["applied", "open", "accepted", "undone", "settled"]
AUTOMATIC = ""
"""Who decided what nobody decided."""
MOST_VIEWS = 200
"""Of one camera; the oldest that are no longer in force are forgotten."""
SAME_PX = 1.0


class View(Struct, frozen=True):
    """One entry.

    Attributes:
        kind: ``moved``: the camera was found to look elsewhere, zones followed. ``asked``: a person has to say.
            ``renewed``: a person said that the picture is as it should be, and zones stay where they are drawn.
        status: ``applied``: in force from ``at_ns`` on, unless a later one is. ``open``: asked, not answered.
            ``accepted``: a person agreed. ``undone``: a person did not. ``settled``: an open one that went away.
        transform: From the camera's first view to this one; of an ``asked`` one: what is proposed, if anything.
        decided_by: The name of the person who accepted or undid it, or asked for it; empty: nobody.
    """

    id: str
    camera: CameraId
    kind: Kind
    status: Status
    at_ns: int
    transform: Transform | None
    reason: str = ""
    error_px: float = 0.0
    inliers: int = 0
    ref: str = ""
    decided_by: str = AUTOMATIC
    decided_ns: int = 0

    @property
    def is_in_force(self) -> bool:
        """Whether it says where the view lies, from its time on."""
        return self.transform is not None and self.status in ("applied", "accepted")


class Course(Struct, frozen=True):
    """Where the view of one camera lay, and when. ``turns``: from when on, and the transform; oldest first."""

    turns: tuple[tuple[int, Transform], ...] = ()

    def at(self, at_ns: int) -> Transform:
        """From the first view to that of a moment."""
        number = bisect.bisect_right(self.turns, at_ns, key=lambda turn: turn[0])
        return self.turns[number - 1][1] if number else IDENTITY

    @property
    def now(self) -> Transform:
        """The newest."""
        return self.turns[-1][1] if self.turns else IDENTITY

    def between(self, drawn_ns: int, at_ns: int | None) -> Transform:
        """From the view in which something was drawn to that of a moment (None: the newest)."""
        drawn, then = self.at(drawn_ns), self.now if at_ns is None else self.at(at_ns)
        return IDENTITY if drawn == then else composed(then, inverse(drawn))

    def placed(self, points: Sequence[Point], drawn_ns: int, at_ns: int | None = None) -> tuple[Point, ...]:
        """Where points that were drawn at one time lie at another, perhaps beyond the picture."""
        return placed(points, self.between(drawn_ns, at_ns))


class ViewBook:
    """Views in the database; courses are held in memory, because rules ask for them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._courses: dict[CameraId, Course] | None = None
        self._listeners: list[Callable[[], None]] = []

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` after each change."""
        self._listeners.append(listener)

    async def list(self, camera: CameraId | None = None, limit: int = MOST_VIEWS) -> Sequence[View]:
        """Views of a camera (or of all), newest first."""
        query = sa.select(views).order_by(views.c.at_ns.desc(), views.c.id.desc()).limit(limit)
        if camera is not None:
            query = query.where(views.c.camera == camera)
        return [_view(row) for row in await self._database.read(lambda c: c.execute(query).all())]

    async def get(self, camera: CameraId, view: str) -> View:
        """One of them.

        Raises:
            NotFound: ``view-not-found``.
        """
        query = sa.select(views).where(views.c.id == view, views.c.camera == camera)
        row = await self._database.read(lambda c: c.execute(query).first())
        if row is None:
            raise NotFound("the camera has no such view", code="view-not-found", view=view)
        return _view(row)

    async def courses(self) -> dict[CameraId, Course]:
        """Of all cameras whose view ever moved."""
        if self._courses is None:
            query = (
                sa.select(views.c.camera, views.c.at_ns, views.c.transform)
                .where(views.c.status.in_(("applied", "accepted")), views.c.transform.is_not(None))
                .order_by(views.c.at_ns, views.c.id)
            )
            found: dict[CameraId, list[tuple[int, Transform]]] = {}
            for camera, at_ns, terms in await self._database.read(lambda c: c.execute(query).all()):
                found.setdefault(CameraId(camera), []).append((at_ns, _transform(terms) or IDENTITY))
            self._courses = {camera: Course(tuple(turns)) for camera, turns in found.items()}
        return self._courses

    async def course(self, camera: CameraId) -> Course:
        """Of one camera."""
        return (await self.courses()).get(camera, Course())

    async def add(self, view: View) -> View:
        """Write a new one down; it gets an id. Those that were asked before it are settled."""
        made = structs.replace(view, id=new_id("vew"))

        def work(connection: Connection) -> None:
            _settle(connection, view.camera, view.at_ns)
            connection.execute(views.insert().values(**_columns(made)))
            _forget_old(connection, view.camera)

        await self._write(work)
        return made

    async def settle(self, camera: CameraId, at_ns: int) -> None:
        """Nothing is asked of a camera any more."""
        await self._write(lambda connection: _settle(connection, camera, at_ns))

    async def decide(self, view: View, status: Literal["accepted", "undone"], by: str, at_ns: int) -> View:
        """A person says whether a view holds.

        Raises:
            Conflict: ``view-decided``: it is not the newest, or there is nothing to decide.
        """
        newest = next((one for one in await self.list(view.camera) if one.is_in_force or one.status == "open"), None)
        is_open = view.status == "open" and view.transform is not None and status == "accepted"
        if newest is None or newest.id != view.id or not (is_open or view.status in ("applied", "accepted")):
            raise Conflict("this view is no longer the newest of its camera", code="view-decided", view=view.id)
        values = {"status": status, "decided_by": by[:80], "decided_ns": at_ns}
        await self._write(lambda c: c.execute(views.update().where(views.c.id == view.id).values(**values)))
        return await self.get(view.camera, view.id)

    async def forget(self, camera: CameraId) -> None:
        """The camera was deleted."""

        def work(connection: Connection) -> None:
            connection.execute(views.delete().where(views.c.camera == camera))
            connection.execute(view_states.delete().where(view_states.c.camera == camera))

        await self._write(work)

    async def state(self, camera: CameraId) -> bytes:
        """What the judge of the camera's view goes on from; empty: nothing is known."""
        query = sa.select(view_states.c.body).where(view_states.c.camera == camera)
        return bytes(await self._database.read(lambda c: c.execute(query).scalar()) or b"")

    async def states(self) -> dict[CameraId, bytes]:
        """The same of all cameras."""
        query = sa.select(view_states.c.camera, view_states.c.body)
        rows = await self._database.read(lambda c: c.execute(query).all())
        return {CameraId(camera): bytes(body) for camera, body in rows}

    async def keep_state(self, camera: CameraId, body: bytes, at_ns: int) -> None:
        """Keep what the judge goes on from."""

        def work(connection: Connection) -> None:
            connection.execute(view_states.delete().where(view_states.c.camera == camera))
            connection.execute(view_states.insert().values(camera=camera, saved_ns=at_ns, body=body))

        await self._database.write(work)

    async def _write(self, work: Callable[[Connection], object]) -> None:
        await self._database.write(work)
        self._courses = None
        for listener in self._listeners:
            listener()


def _settle(connection: Connection, camera: CameraId, at_ns: int) -> None:
    is_open = (views.c.camera == camera, views.c.status == "open")
    connection.execute(views.update().where(*is_open).values(status="settled", decided_ns=at_ns))


def _forget_old(connection: Connection, camera: CameraId) -> None:
    """Beyond the limit: the oldest of those that never were in force, or no longer are."""
    mine = sa.select(views.c.id).where(views.c.camera == camera).order_by(views.c.at_ns.desc()).offset(MOST_VIEWS)
    for number in connection.execute(mine).scalars().all():
        connection.execute(views.delete().where(views.c.id == number))


def _columns(view: View) -> dict[str, object]:
    transform = None if view.transform is None else list(checked(view.transform))
    return {**structs.asdict(view), "transform": transform}


def _view(row: Row[tuple[object, ...]]) -> View:
    fields = dict(row._mapping)
    return View(**{**fields, "camera": CameraId(fields["camera"]), "transform": _transform(fields["transform"])})


def _transform(terms: object) -> Transform | None:
    if terms is None:
        return None
    if not isinstance(terms, list) or len(terms) != len(IDENTITY):
        raise Invalid("a view in the database has no transform", code="bad-transform")
    return cast(Transform, tuple(float(term) for term in terms))
