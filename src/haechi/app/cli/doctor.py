"""``haechi doctor``: is this machine fit, and what to do where it is not."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import typer
from msgspec import Struct
from rich.markup import escape

from haechi import __version__
from haechi.app.cli.console import out
from haechi.app.reflection import reflected
from haechi.app.settings import Settings, config_path, load_settings
from haechi.base.confine import FILTERED_MACHINES
from haechi.base.errors import HaechiError
from haechi.fleet.phones.ice import parse_ice_url
from haechi.ingest.rtp_push.drain import BUFFER_BYTES, receive_buffer_bytes
from haechi.store.database import SAFE_SQLITE, Database, is_sound
from haechi.vision.models import ModelStore

GIB = 1024**3


class Finding(Struct, frozen=True):
    """One check: ``ok``, ``note`` (works, but) or ``bad``, and what to do."""

    what: str
    verdict: str
    detail: str
    remedy: str = ""


def version() -> None:
    """Print the version."""
    out.print(f"haechi {__version__} (Python {platform.python_version()}, {platform.system()} {platform.machine()})")


def doctor() -> None:
    """Check this machine and this installation, and say what to do."""
    settings = load_settings()
    checks: tuple[Callable[[Settings], Finding], ...] = (
        _python,
        _configuration,
        _sqlite,
        _database,
        _disk,
        _memory,
        _models,
        _port,
        _players,
        _datagrams,
        _turn,
        _confinement,
        _open_files,
    )
    bad = False
    for check in checks:
        finding = check(settings)
        colour = {"ok": "green", "note": "yellow", "bad": "red"}[finding.verdict]
        out.print(f"[{colour}]{finding.verdict:<5}[/] {finding.what:<14} {escape(finding.detail)}", soft_wrap=True)
        if finding.remedy:
            out.print(f"      {'':<14} [dim]{escape(finding.remedy)}[/]", soft_wrap=True)
        bad |= finding.verdict == "bad"
    raise typer.Exit(1 if bad else 0)


def _python(_settings: Settings) -> Finding:
    return Finding("python", "ok", f"{platform.python_version()} at {sys.prefix}")


def _configuration(_settings: Settings) -> Finding:
    path = config_path()
    return Finding("settings", "ok", str(path) if path.exists() else f"defaults (no {path})")


def _sqlite(_settings: Settings) -> Finding:
    text = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info >= SAFE_SQLITE:
        return Finding("sqlite", "ok", text)
    remedy = "3.51.3 mends a bug with concurrent checkpoints; Haechi avoids its trigger, an upgrade is still wise"
    return Finding("sqlite", "note", text, remedy)


def _database(settings: Settings) -> Finding:
    path = settings.database_path
    if not path.exists():
        return Finding("database", "ok", f"will be made at {path}")
    database = Database.at(path)
    try:
        database.migrate()
        if is_sound(database):
            return Finding("database", "ok", f"{path}, {path.stat().st_size / 1e6:.1f} MB, sound")
        return Finding("database", "bad", f"{path} fails its integrity check", "stop the server and run: haechi check")
    except HaechiError as error:
        return Finding("database", "bad", error.message, "move the file away; recordings are indexed again from disk")
    finally:
        database.close()


def _disk(settings: Settings) -> Finding:
    folder = settings.record_dir
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        return Finding("disk", "bad", f"{folder} is not a folder", "choose another with HAECHI_RECORD__FOLDER")
    free = shutil.disk_usage(folder).free
    detail = f"{free / GIB:.1f} GiB free at {settings.record_dir}"
    if not os.access(folder, os.W_OK):
        return Finding("disk", "bad", f"{folder} cannot be written", "choose another with HAECHI_RECORD__FOLDER")
    if free < settings.record.min_free_bytes + GIB:
        return Finding("disk", "note", detail, "old footage is deleted to keep min_free_bytes free")
    return Finding("disk", "ok", detail)


def _memory(_settings: Settings) -> Finding:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    verdict = "ok" if total >= 2 * GIB else "note"
    return Finding("machine", verdict, f"{os.cpu_count()} cores, {total / GIB:.1f} GiB of memory")


def _models(settings: Settings) -> Finding:
    store = ModelStore(settings.cache_dir / "models")
    missing = [state.artefact.name for state in store.list() if not state.ready]
    here = [state.artefact.name for state in store.list() if state.ready]
    if set(here).issuperset(settings.vision.detector.split("+")) or not settings.vision.enabled:
        return Finding("models", "ok", f"here: {', '.join(here) or 'none'}")
    return Finding("models", "note", f"missing: {', '.join(missing)}", "fetch them with: haechi models pull")


def _port(settings: Settings) -> Finding:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.http.host, settings.http.port))
        except OSError:
            detail = f"{settings.http.port} is taken"
            return Finding("port", "note", detail, "perhaps by Haechi itself; else the next free one is used")
    return Finding("port", "ok", f"{settings.http.host}:{settings.http.port} is free")


def _players(settings: Settings) -> Finding:
    """Where players watch by RTSP."""
    wish, host = settings.rtsp, settings.rtsp.host or settings.http.host
    if not wish.enabled:
        return Finding("players", "ok", "nobody watches by RTSP: switched off (rtsp.enabled)")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, wish.port))
        except OSError:
            detail = f"RTSP port {wish.port} is taken"
            return Finding("players", "note", detail, "perhaps by Haechi itself; else the next free one is used")
    if host in ("127.0.0.1", "::1", "localhost"):
        return Finding("players", "ok", f"RTSP at {host}:{wish.port}, for this machine only; read tokens are asked for")
    remedy = "RTSP is not encrypted: only in a network that is yours; HLS and WHEP can go over TLS"
    return Finding(
        "players", "note", f"RTSP at {host}:{wish.port} for other machines; read tokens are asked for", remedy
    )


def _datagrams(settings: Settings) -> Finding:
    """How much the kernel keeps of what clients push by UDP; it doubles what it is asked for, for its own needs."""
    if not (settings.push.enabled and settings.push.udp):
        return Finding("udp buffer", "ok", "not needed: nobody pushes by UDP (push.enabled, push.udp)")
    given = receive_buffer_bytes()
    detail = f"{given / 2**20:.0f} MiB for what clients push"
    if given >= BUFFER_BYTES:
        return Finding("udp buffer", "ok", detail)
    remedy = f"a busy machine may lose packets; raise it with: sysctl -w net.core.rmem_max={BUFFER_BYTES}"
    return Finding("udp buffer", "note", detail, f"{remedy} (for good: in /etc/sysctl.d/haechi.conf)")


def _turn(settings: Settings) -> Finding:
    urls = settings.turn.urls
    if not urls:
        return Finding("turn", "ok", "none set: phones are watched in the same network only (turn.urls)")
    silent = []
    for url in urls:
        try:
            reflected(parse_ice_url(url))
        except HaechiError as error:
            silent.append(f"{url}: {error.message}")
    if not silent:
        return Finding("turn", "ok", f"{len(urls)} answer: {', '.join(urls)}")
    return Finding(
        "turn", "bad", "; ".join(silent), "is it started, and do its ports pass the firewall? haechi turn check"
    )


def _confinement(_settings: Settings) -> Finding:
    if platform.system() == "Linux" and platform.machine() in FILTERED_MACHINES:
        return Finding("confinement", "ok", "decoding runs without network, new files or new rights")
    remedy = "on Linux x86_64 and aarch64 a system call filter does more"
    return Finding("confinement", "note", "decoding runs under resource limits only", remedy)


def _open_files(_settings: Settings) -> Finding:
    limits = Path("/proc/self/limits")
    if not limits.exists():
        return Finding("open files", "ok", "unknown on this system")
    line = next(text for text in limits.read_text().splitlines() if text.startswith("Max open files"))
    soft = line.split()[3]
    verdict = "note" if soft.isdecimal() and int(soft) < 1024 else "ok"
    return Finding("open files", verdict, soft, "raise it with: ulimit -n 4096" if verdict == "note" else "")
