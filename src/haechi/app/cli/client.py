"""``haechi client``: push a file or a camera, and see what the server sees in it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from haechi.base.errors import Invalid


def client(
    source: Annotated[str, typer.Argument(help="A video file, rtsp://… (a camera), or webcam:0")],
    server: Annotated[str, typer.Option(help="HOST or HOST:PORT of its result socket")],
    token_file: Annotated[Path, typer.Option(help="File that haechi push add wrote")],
    module: Annotated[str, typer.Option(help="What is to look at it; empty: nothing")] = "objects",
    out: Annotated[Path | None, typer.Option(help="Write the video with its boxes there (.mp4, .mkv)")] = None,
    show: Annotated[bool, typer.Option(help="Show the video with its boxes in the browser")] = False,
    json: Annotated[bool, typer.Option(help="Print each result as a line of JSON")] = False,
    fast: Annotated[
        bool, typer.Option("--fast/--realtime", help="A file: as fast as results come, or at its own pace")
    ] = False,
    transport: Annotated[str, typer.Option(help="How RTP travels: tcp (in the connection) or udp")] = "tcp",
    udp_mbit: Annotated[float, typer.Option(min=0.1, help="udp: how fast it leaves at most, in Mbit/s")] = 400.0,
    judge: Annotated[
        bool, typer.Option("--judge", help="For results only, although this client is a camera of the server")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Begin again whenever the connection or the source breaks off")
    ] = False,
    name: Annotated[str, typer.Option(help="What the server's log calls it")] = "",
) -> None:
    """Push a video to a server and get boxes back, each for the very picture that it belongs to.

    H.264 and H.265 go as they are; anything else is encoded here.
    """
    from haechi.client.playing import Wish
    from haechi.client.program import Options, play
    from haechi.client.sending import UdpWay

    if transport not in ("tcp", "udp"):
        raise Invalid("--transport must be tcp or udp", code="bad-transport")
    way = UdpWay(mbit_s=udp_mbit)
    wish = Wish(module, fast, transport, way, name, "judge" if judge else "")
    options = Options(server, source, token_file, wish, out, show, json, keep)
    asyncio.run(play(options, Console(stderr=True, highlight=False)))
