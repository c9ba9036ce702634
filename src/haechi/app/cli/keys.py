"""``haechi keys``: the ring of keys that sealed footage is opened with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import typer

from haechi.app.cli.console import opened, out
from haechi.app.keys import key_ring
from haechi.base.clock import NS_PER_S, SystemClock
from haechi.record.disk.rewrap import rewrap_all

app = typer.Typer(help="Keys of sealed footage. Without them nobody can read it, you neither: keep a copy elsewhere.")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@app.command()
def new() -> None:
    """Make a key; it seals from now on. What was sealed before keeps its key."""
    with opened() as (settings, _):
        ring = key_ring(settings)
        key = ring.add(SystemClock())
    out.print(f"key {key.id} made in {ring.path}; keep a copy of this file elsewhere")


@app.command("list")
def list_keys() -> None:
    """The keys of the ring, the one that seals last. Their secrets are not shown."""
    with opened() as (settings, _):
        keys = key_ring(settings).keys()
    for number, key in enumerate(keys, 1):
        made = _EPOCH + timedelta(seconds=key.created_ns // NS_PER_S)
        out.print(f"{key.id}  made {made:%Y-%m-%d %H:%M} UTC{'  seals' if number == len(keys) else ''}")
    if not keys:
        out.print("no keys; make one with: haechi keys new")


@app.command()
def rotate() -> None:
    """Make a key, and wrap the data keys of all sealed footage with it. No footage is written again."""
    with opened() as (settings, database):
        ring = key_ring(settings)
        key = ring.add(SystemClock())
        count = rewrap_all(database, ring)
    out.print(
        f"key {key.id} made; {count} recordings are wrapped with it. Keep the file with all its keys: {ring.path}"
    )
