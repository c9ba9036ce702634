"""``haechi camera dial`` and ``token``: both ends of a camera that dials out."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.markup import escape

from haechi.app.cli.console import opened, out
from haechi.app.reverse import identity_of
from haechi.app.settings import Settings, load_settings
from haechi.base.clock import SystemClock
from haechi.base.errors import Invalid, NotFound
from haechi.base.ids import CameraId
from haechi.base.telemetry import set_up_logging
from haechi.fleet.address import REVERSE
from haechi.fleet.cameras import Camera, CameraRegistry
from haechi.store.database import Database

LONGEST_KEY_BYTES = 64 * 1024


def show_token(settings: Settings, database: Database, camera: Camera) -> None:
    """Make a token, and print it with the command that uses it."""
    from haechi.fleet.dialling import DialKeys

    clock = SystemClock()
    token = asyncio.run(DialKeys(database, clock).issue(camera.id))
    pin = identity_of(settings, clock).pin
    host = settings.reverse.host or settings.http.host
    out.print(f"token        [bold]{token}[/]  (shown once)", soft_wrap=True)
    out.print(f"fingerprint  {pin}", soft_wrap=True)
    out.print("\nOn the machine beside the camera, with the token alone in the file token.txt:")
    command = f"haechi camera dial --server {host}:{settings.reverse.port} --camera {camera.id} --token-file token.txt"
    out.print(f"  {escape(command)} --pin {pin} --source rtsp://…", soft_wrap=True)


def show_publish_token(settings: Settings, database: Database, camera: Camera) -> None:
    """Make a token for a camera that is published, and print it with the places where it is good."""
    from haechi.fleet.publishing import PublishTokens

    fresh = asyncio.run(PublishTokens(database, SystemClock()).issue(camera.id))
    base = f"http://{settings.http.host}:{settings.http.port}"
    out.print(f"token        [bold]{fresh}[/]  (shown once)", soft_wrap=True)
    out.print(f"on a phone   {base}/publish/{camera.id}#{fresh}  (phones want https)", soft_wrap=True)
    out.print(f"an encoder   {base}/{camera.id}/whip  (WHIP, the token as bearer token)", soft_wrap=True)


def token(camera_id: Annotated[str, typer.Argument(help="As `haechi camera list` shows it")]) -> None:
    """Make a new token for a camera that dials out or is published. The one before stops working within 2 s."""
    with opened() as (settings, database):
        camera = asyncio.run(CameraRegistry(database, SystemClock()).get(CameraId(camera_id)))
        if camera.address.is_published:
            show_publish_token(settings, database, camera)
            return
        if not camera.address.is_reverse:
            message = "this camera is dialled by the server; only one that dials out, or is published, has a token"
            raise NotFound(message, code="camera-not-reverse")
        show_token(settings, database, camera)


def export_key(
    camera_id: Annotated[str, typer.Argument(help="As `haechi camera list` shows it")],
) -> None:
    """Print what another server must know to take in a camera that dials out: JSON, nothing of it secret."""
    from haechi.fleet.dialling import DialKeys

    with opened() as (_, database):
        clock = SystemClock()
        camera = asyncio.run(CameraRegistry(database, clock).get(CameraId(camera_id)))
        key = asyncio.run(DialKeys(database, clock).export(camera))
    sys.stdout.write(msgspec.json.encode(key).decode() + "\n")


def import_key(
    file: Annotated[Path, typer.Argument(help="As `haechi camera export-key` printed it; - for standard input")],
) -> None:
    """Take in a camera of another server that dials out: under its id, with its key. Again after its token changed."""
    from haechi.fleet.dialling import DialKeys, read_key

    key = read_key(_bytes_of(file))
    with opened() as (_, database):
        clock, camera_id = SystemClock(), CameraId(key.id)
        registry = CameraRegistry(database, clock, lambda: camera_id)
        known = {camera.id for camera in asyncio.run(registry.list())}
        if camera_id not in known:
            asyncio.run(registry.add(key.name, REVERSE))
        asyncio.run(DialKeys(database, clock).bring(key))
        word = "key renewed" if camera_id in known else "added"
        out.print(f"[green]{word}[/] {escape(camera_id)}  {escape(key.name)}")


def _bytes_of(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read(LONGEST_KEY_BYTES) if str(file) == "-" else file.read_bytes()
    except OSError as error:
        message = "the file with the camera's key cannot be read"
        raise Invalid(message, code="bad-camera-key", file=str(file), reason=error.strerror) from error


def dial(
    server: Annotated[str, typer.Option(help="Where to dial: HOST:PORT")],
    camera: Annotated[str, typer.Option(help="Id of the camera, as the server shows it")],
    source: Annotated[
        str,
        typer.Option(
            envvar="HAECHI_SOURCE", help="What to show: rtsp://… (a camera here), scene:NAME, or a video file"
        ),
    ],
    token_file: Annotated[
        Path | None, typer.Option(help="File that holds the camera's token, and nothing else")
    ] = None,
    pin: Annotated[str, typer.Option(help="SHA-256 fingerprint of the server's certificate")] = "",
    ca: Annotated[Path | None, typer.Option(help="Instead of --pin: certificate of who signed the server's")] = None,
    spool_mb: Annotated[
        int, typer.Option(help="MB to keep on this machine's disk while the server is away; 0 for none, or 64 or more")
    ] = 64,
    spool_dir: Annotated[Path | None, typer.Option(help="Folder for that, of this camera alone")] = None,
) -> None:
    """Be a camera that dials out: connect to a server, show it a source, and stay connected. Until interrupted.

    What the server does not get while it is away is kept here, and brought in when it is back.
    """
    import uvloop

    from haechi.camera.dial.line import Identity, Server
    from haechi.camera.dial.program import MemoryWish, dial_out, token_of
    from haechi.fleet.dialling import signer

    settings = load_settings()
    set_up_logging(settings.log_level, settings.log_format)
    place = Server.parse(server, pin, ca)
    who = Identity(camera, signer(token_of(token_file)))
    uvloop.run(dial_out(place, who, source, MemoryWish.of_mb(spool_mb, spool_dir)))
