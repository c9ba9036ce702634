"""Films: send a file in parts, or have a page's video fetched; see how far it is, remove it."""

from typing import Annotated

from fastapi import Header, Path, Request

from haechi.api.asked import Caller, House, Log
from haechi.api.policy import Access, Routes
from haechi.api.shapes.films import FilmIn, FilmList, FilmOut, PageIn, PageOut
from haechi.base.clock import NS_PER_MS
from haechi.base.errors import Invalid
from haechi.base.ids import FilmId
from haechi.record.films.runner import FilmWish

FilmPath = Annotated[str, Path(pattern=r"^flm_[a-z0-9]{3,32}$", examples=["flm_k3v9p2mw8tq4hx7n"])]
Offset = Annotated[int, Header(alias="Upload-Offset", ge=0, le=1 << 50, description="Where this part begins, bytes")]


async def add_film(body: FilmIn, house: House, caller: Caller, log: Log) -> FilmOut:
    """Begin a film. A file is sent next, in parts, to ``/api/films/{film}/file``."""
    if (body.url is None) == (body.size_bytes is None):
        raise Invalid("give either size_bytes, for a file that is sent, or url", code="bad-film")
    origin = "" if body.url is None else house.sites.require(body.url)
    wish = FilmWish(
        caller.user.id,
        body.name,
        body.size_bytes or 0,
        origin,
        body.sound,
        (body.filmed_ms or 0) * NS_PER_MS,
    )
    film = await house.films.add(wish)
    log.about(film.id, f"began: {film.name}, {f'from {origin}' if origin else f'{film.size_bytes} bytes'}")
    return FilmOut.of(film)


async def list_films(house: House) -> FilmList:
    """All films, newest first."""
    return FilmList(films=[FilmOut.of(film) for film in await house.films.listed()])


async def get_film(film: FilmPath, house: House) -> FilmOut:
    """One film: how much of its file is here, and what becomes of it."""
    return FilmOut.of(await house.films.get(FilmId(film)))


async def send_part(film: FilmPath, request: Request, offset: Offset, house: House, log: Log) -> FilmOut:
    """Send the next part of the file, at most 8 MiB; it must begin where the last one ended (else 409).

    What is answered for is on the disk: a broken upload goes on from ``received_bytes``, from any machine.
    """
    after = await house.films.append(FilmId(film), offset, request.stream())
    log.about(film, "sent parts of the file")
    return FilmOut.of(after)


async def delete_film(film: FilmPath, house: House, log: Log) -> None:
    """Stop what is being done with it, and remove the file, the recording and the camera."""
    gone = await house.films.delete(FilmId(film))
    log.about(film, f"removed: {gone.name}{', camera ' + gone.camera if gone.camera else ''}")


async def look_at_page(body: PageIn, house: House) -> PageOut:
    """What is at a page: a live picture, which can be a camera, or a film."""
    return PageOut.of(await house.sites.look(body.url))


def register(routes: Routes) -> None:
    """Add the routes."""
    admin, one = Access.ADMIN, "/api/films/{film}"
    routes.add("POST", "/api/films", add_film, access=admin, status=201, problems=(409,))
    routes.add("GET", "/api/films", list_films, access=admin)
    routes.add("POST", "/api/films/look", look_at_page, access=admin, problems=(503,))
    routes.add("GET", one, get_film, access=admin, problems=(404, 422))
    routes.add("PATCH", f"{one}/file", send_part, access=admin, problems=(404, 409, 503))
    routes.add("DELETE", one, delete_film, access=admin, status=204, problems=(404, 422, 503))
