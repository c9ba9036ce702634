"""The user interface: files that the build made, known by name beforehand, and one page for every deep link."""

import gzip
import mimetypes
from collections.abc import Mapping
from pathlib import Path

from fastapi import Request, Response
from msgspec import Struct

from haechi.api.headers import policy_with_sockets
from haechi.api.peer import Peer
from haechi.api.policy import Access, Routes
from haechi.base.errors import NotFound

IMMUTABLE = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"
MOST_FILES = 2000
LARGEST_BYTES = 16 * 1024 * 1024
_TEXT = ("text/", "application/javascript", "application/json", "image/svg", "application/manifest")
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".webmanifest": "application/manifest+json"}


class Asset(Struct, frozen=True):
    """A file of the build, held in memory: the build is small, and no request ever names a path on the disk."""

    data: bytes
    zipped: bytes
    media_type: str
    is_hashed: bool


def load_assets(folder: Path) -> Mapping[str, Asset]:
    """Every file of the built interface by its address, for example ``/assets/index-4f2a.js``."""
    if not folder.is_dir():
        return {}
    assets: dict[str, Asset] = {}
    for path in sorted(folder.rglob("*"))[:MOST_FILES]:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST_BYTES:
            continue
        name = path.relative_to(folder).as_posix()
        if name.startswith("."):
            continue
        media_type = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        data = path.read_bytes()
        is_text = media_type.startswith(_TEXT) and len(data) > 1024
        zipped = gzip.compress(data, 6, mtime=0) if is_text else b""
        assets[f"/{name}"] = Asset(data, zipped, media_type, name.startswith("assets/"))
    return assets


async def page(request: Request) -> Response:
    """A file of the interface, or its one page for an address that the interface itself understands."""
    assets: Mapping[str, Asset] = request.app.state.assets
    path = request.url.path
    asset = assets.get(path)
    if asset is not None:
        return _answer(request, asset, IMMUTABLE if asset.is_hashed else REVALIDATE)
    is_ours = path == "/api" or path.startswith(("/api/", "/assets/"))
    index = assets.get(_page_of(path))
    if is_ours or "." in path.rpartition("/")[2]:
        raise NotFound("there is nothing at this address", code="not-found")
    if index is None:
        raise NotFound("the user interface is not built; run make ui", code="ui-not-built")
    answer = _answer(request, index, REVALIDATE)
    if index is not assets.get("/index.html"):
        peer: Peer = request.state.peer
        answer.headers["Content-Security-Policy"] = policy_with_sockets(peer.scheme, peer.host)
    return answer


def register(routes: Routes) -> None:
    """Add the route; it must be the last, for it takes every address that is left."""
    routes.add("GET", "/{path:path}", page, access=Access.PUBLIC, include_in_schema=False)


def _page_of(path: str) -> str:
    """Which page of the build understands an address: two plain ones have their own, all else is the application's."""
    if path in {"/phone", "/phone/"}:
        return "/phone.html"
    return "/watch.html" if path.startswith("/watch/") else "/index.html"


def _answer(request: Request, asset: Asset, cache: str) -> Response:
    headers = {"Cache-Control": cache, "Vary": "Accept-Encoding"}
    data = asset.data
    if asset.zipped and "gzip" in request.headers.get("accept-encoding", ""):
        data = asset.zipped
        headers["Content-Encoding"] = "gzip"
    headers["Content-Length"] = str(len(data))
    return Response(b"" if request.method == "HEAD" else data, headers=headers, media_type=asset.media_type)
