"""``haechi camera``: add, list, test, remove; `dialling` has what belongs to cameras that dial out."""

from __future__ import annotations

import asyncio
import socket
from functools import partial
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from haechi.app.cli.console import opened, out
from haechi.app.cli.dialling import dial, export_key, import_key, show_publish_token, show_token, token
from haechi.app.cli.inspect import inspect
from haechi.app.cli.say import say
from haechi.app.settings import Settings, load_settings
from haechi.app.sources import openers_over, reach_of, sites_of
from haechi.base.clock import SystemClock
from haechi.base.errors import Invalid
from haechi.base.ids import CameraId, is_id
from haechi.fleet.address import CameraAddress, parse_address
from haechi.fleet.cameras import CameraRegistry, Transport
from haechi.ingest.probe import ProbeReport, probe_source
from haechi.ingest.wish import Trial

app = typer.Typer(help="Cameras: add, list, test, remove.", no_args_is_help=True)
app.command()(token)
app.command()(dial)
app.command()(export_key)
app.command()(import_key)
app.command()(say)
app.command()(inspect)

Url = Annotated[
    str,
    typer.Argument(
        help="rtsp[s]://host[:port]/path; http[s]:// for Motion JPEG or an HLS playlist; site:https://… for a live "
        "picture of a web site; reverse: for a camera that dials out; whip: for one that a browser publishes. "
        "docs/guide/sources.md has all kinds"
    ),
]
User = Annotated[str, typer.Option(help="User name of the camera")]
Password = Annotated[str, typer.Option(envvar="HAECHI_CAMERA_PASSWORD", help="Password of the camera")]
Via = Annotated[str, typer.Option(help="How video travels: auto, tcp or udp")]


def _transport(text: str) -> Transport:
    match text:
        case "auto" | "tcp" | "udp":
            return text
        case _:
            raise Invalid("--transport must be auto, tcp or udp", code="bad-transport")


@app.command()
def add(
    url: Url,
    name: Annotated[str, typer.Option(help="What people call it; default: its host")] = "",
    username: User = "",
    password: Password = "",
    transport: Via = "auto",
    audio: Annotated[bool, typer.Option(help="Take in sound as well")] = False,
) -> None:
    """Add a camera. A running server connects to it, or listens for it, within two seconds."""
    with opened() as (settings, database):
        registry = CameraRegistry(database, SystemClock())
        title = name or parse_address(url).host or "Camera"
        camera = asyncio.run(
            registry.add(title, url, credentials=(username, password), transport=_transport(transport), audio=audio)
        )
        out.print(f"[green]added[/] {camera.id}  {escape(camera.name)}  {escape(camera.redacted_url)}")
        if camera.address.is_reverse:
            show_token(settings, database, camera)
        elif camera.address.is_published:
            show_publish_token(settings, database, camera)
        elif camera.address.host:
            _warn_of_reach(settings, camera.address)


def _warn_of_reach(settings: Settings, place: CameraAddress) -> None:
    """Where the server will refuse to connect, say so now. A name is looked up when it tries, not here."""
    host = "127.0.0.1" if place.host == "localhost" else place.host
    try:
        found = socket.getaddrinfo(host, place.port, flags=socket.AI_NUMERICHOST)
        reach_of(settings.sources).check(str(found[0][4][0]))
    except Invalid as error:
        out.print(f"[yellow]the server will not connect to it:[/] {escape(error.message)}")
    except socket.gaierror:
        return


@app.command("bring-back")
def bring_back(
    camera_id: Annotated[str, typer.Argument(help="Id that it had, as `haechi check` tells it")],
    url: Url,
    name: Annotated[str, typer.Option(help="What people call it; default: its host")] = "",
    username: User = "",
    password: Password = "",
) -> None:
    """Add a camera under the id that it had before the database was lost, so that its footage is its own again."""
    if not is_id(camera_id, "cam"):
        raise Invalid("this is no id of a camera; haechi check tells whose footage there is", code="bad-camera-id")
    with opened() as (_, database):
        registry = CameraRegistry(database, SystemClock(), lambda: CameraId(camera_id))
        title = name or parse_address(url).host or "Camera"
        camera = asyncio.run(registry.add(title, url, credentials=(username, password)))
        out.print(f"[green]added[/] {camera.id}  {escape(camera.name)}  {escape(camera.redacted_url)}")


@app.command("list")
def list_cameras() -> None:
    """All cameras."""
    with opened() as (_, database):
        cameras = asyncio.run(CameraRegistry(database, SystemClock()).list())
    if not cameras:
        out.print("no cameras yet; add one with: haechi camera add rtsp://host/path")
        return
    table = Table(box=None, header_style="bold")
    for title in ("id", "name", "address", "transport", "state"):
        table.add_column(title)
    for camera in cameras:
        state = "enabled" if camera.enabled else "disabled"
        table.add_row(camera.id, escape(camera.name), escape(camera.redacted_url), camera.transport, state)
    out.print(table)


@app.command()
def remove(camera_id: Annotated[str, typer.Argument(help="As `haechi camera list` shows it")]) -> None:
    """Remove a camera. Its recordings stay until retention takes them."""
    with opened() as (_, database):
        registry = CameraRegistry(database, SystemClock())
        if asyncio.run(registry.get(CameraId(camera_id))).address.kind == "upload":
            message = "this camera is a film; remove it in the app, under Add camera, A film: its footage goes with it"
            raise Invalid(message, code="camera-is-film")
        asyncio.run(registry.delete(CameraId(camera_id)))
        out.print(f"[green]removed[/] {escape(camera_id)}")


@app.command("test")
def try_address(url: Url, username: User = "", password: Password = "", transport: Via = "auto") -> None:
    """Try an address hop by hop, and say which one fails."""
    place = parse_address(url)
    if username:
        place = place.with_credentials(username, password)
    clock = SystemClock()
    settings = load_settings()
    opener = openers_over(clock, reach_of(settings.sources), sites_of(settings)).of(place)
    report = asyncio.run(probe_source(partial(opener.trial, Trial(place, _transport(transport))), clock))
    _print(report)
    if not report.ok:
        raise typer.Exit(4)


def _print(report: ProbeReport) -> None:
    for hop in report.hops:
        mark = "[green]ok  [/]" if hop.ok else "[red]FAIL[/]"
        out.print(f"{mark} {hop.hop:<9} {hop.ms:8.1f} ms  {escape(hop.detail)}")
    if report.params is not None:
        out.print(f"     {report.params.codec} {report.params.width_px}x{report.params.height_px}")
    if report.error_code:
        out.print(f"[red]{escape(report.error_message)}[/] [dim]({report.error_code})[/]")
