"""``haechi upload``: films from files on this machine, or from pages of web sites."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from haechi.app.cli.console import err, opened, out
from haechi.app.settings import Settings
from haechi.app.sources import sites_of
from haechi.base.clock import NS_PER_S, SystemClock
from haechi.base.errors import HaechiError, Invalid, NotFound
from haechi.base.ids import FilmId, UserId, new_id
from haechi.store.database import Database

if TYPE_CHECKING:
    from haechi.record.films.store import Film, FilmStore

ASK_S = 0.5
NOBODY_S = 10.0
"""A film that waits for longer is not looked at by any server."""
READ_BYTES = 1024 * 1024


def upload(
    files: Annotated[
        list[str], typer.Argument(help="Video files (MP4, MOV, MKV, WebM, AVI, MPEG-TS), or https:// pages of sites")
    ],
    name: Annotated[str, typer.Option(help="What people call it; default: the file's name")] = "",
    sound: Annotated[bool, typer.Option(help="Take in sound as well")] = False,
    filmed: Annotated[
        str, typer.Option(help="When it was filmed, as 2026-11-21T14:03:22+09:00; default: as the file says, else now")
    ] = "",
    wait: Annotated[bool, typer.Option(help="Stay until a running server has taken it in")] = True,
) -> None:
    """Take in films: each becomes a camera of its own with a past. The running server reads them, as fast as it can."""
    filmed_ns = _time(filmed)
    with opened() as (settings, database):
        desk = _Desk(settings, database, sound=sound, filmed_ns=filmed_ns, wait=wait)
        for one in files:
            asyncio.run(desk.take(one, name))
        if desk.failed:
            raise typer.Exit(1)


class _Desk:
    """Hands films to whoever serves this database."""

    def __init__(self, settings: Settings, database: Database, *, sound: bool, filmed_ns: int, wait: bool) -> None:
        from haechi.record.films.store import FilmStore
        from haechi.record.films.uploads import FilmSettings, Uploads

        wish = settings.films
        self._bounds = FilmSettings(wish.max_bytes, wish.max_hours, wish.reserve_bytes)
        self._uploads = Uploads(settings.data_dir / "films")
        self._store: FilmStore = FilmStore(database)
        self._sites = sites_of(settings)
        self._sound = sound
        self._filmed_ns = filmed_ns
        self._wait = wait
        self.failed = 0

    async def take(self, what: str, name: str) -> None:
        """One film, up to its end; one that is given up leaves nothing."""
        is_page = what.startswith(("http://", "https://"))
        with Progress(TextColumn("{task.description}"), BarColumn(), console=err, transient=True) as bar:
            task = bar.add_task(escape(what), total=1.0)
            film = await (self._page(what, name) if is_page else self._file(Path(what), name, bar, task))
            if not self._wait:
                out.print(f"[green]handed over[/] {film.id}  {escape(film.name)}")
                return
            film = await self._until_over(film.id, bar, task)
        self._tell(film)

    async def _page(self, url: str, name: str) -> Film:
        origin = self._sites.require(url)
        found = await self._sites.look(origin, sound=self._sound)
        if found.is_live:
            message = f"this is live: add it as a camera, haechi camera add site:{origin}"
            raise Invalid(message, code="site-is-live")
        film = self._new(name or found.title, origin=origin)
        await self._store.add(film)
        return film

    async def _file(self, path: Path, name: str, bar: Progress, task: TaskID) -> Film:
        from msgspec import structs

        size = _size(path)
        await self._uploads.prepare(size, self._bounds)
        film = self._new(name or path.stem, size_bytes=size)
        await self._store.add(film)
        try:
            chunks = _read(path, lambda sent: bar.update(task, completed=sent / size))
            await self._uploads.append(film.id, (0, size), chunks, lambda _: None)
        except (HaechiError, OSError, asyncio.CancelledError):
            await self._store.remove(film.id)
            self._uploads.discard(film.id)
            raise
        film = structs.replace(film, received_bytes=size, state="waiting")
        await self._store.put(film)
        return film

    def _new(self, name: str, *, origin: str = "", size_bytes: int = 0) -> Film:
        from haechi.record.films.store import Film

        return Film(
            id=FilmId(new_id("flm")),
            owner=UserId(""),
            name=" ".join(name.split())[:80] or "Film",
            state="fetching" if origin else "uploading",
            origin=origin,
            size_bytes=size_bytes,
            sound=self._sound,
            wished_ns=self._filmed_ns,
            created_ns=SystemClock().wall_ns(),
        )

    async def _until_over(self, film: FilmId, bar: Progress, task: TaskID) -> Film:
        """Follow it. Where no server takes it up, say so, and let it wait."""
        clock = SystemClock()
        since_ns = clock.monotonic_ns()
        while True:
            now = await self._store.get(film)
            if now.is_over:
                return now
            is_idle = now.state in ("waiting", "fetching") and not now.progress
            if is_idle and clock.monotonic_ns() - since_ns > NOBODY_S * NS_PER_S:
                return now
            bar.update(task, description=f"{escape(now.name)}: {now.state}", completed=now.progress)
            await clock.sleep(ASK_S)

    def _tell(self, film: Film) -> None:
        name = escape(film.name)
        if film.state == "done":
            begins = datetime.fromtimestamp(film.start_ns / NS_PER_S, UTC)
            length = (film.end_ns - film.start_ns) / NS_PER_S
            out.print(f"[green]taken in[/] {film.camera}  {name}  {begins:%Y-%m-%d %H:%M:%S} UTC, {length:.1f} s")
        elif film.state == "failed":
            self.failed += 1
            out.print(f"[red]not taken in[/] {name}: {escape(film.error_message)} [dim]({film.error_code})[/]")
        else:
            out.print(f"[yellow]waits[/] {film.id}  {name}: no server has taken it up yet; start it with haechi serve")


def _size(path: Path) -> int:
    if not path.is_file():
        raise NotFound("there is no such file", code="no-such-file", file=path.name)
    return path.stat().st_size


async def _read(path: Path, told: Callable[[int], None]) -> AsyncIterator[bytes]:
    sent = 0
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, READ_BYTES):
            yield chunk
            sent += len(chunk)
            told(sent)


def _time(text: str) -> int:
    if not text:
        return 0
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Invalid("--filmed looks like 2026-11-21T14:03:22+09:00", code="bad-time") from error
    return int(at.timestamp() * 1000) * 1_000_000
