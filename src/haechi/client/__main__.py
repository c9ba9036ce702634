"""``python -m haechi.client``: the same as ``haechi client``, on a machine that has no server's packages."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from rich.console import Console

from haechi.base.errors import HaechiError
from haechi.client.playing import Wish
from haechi.client.program import Options, play
from haechi.client.sending import UdpWay


def main(arguments: list[str]) -> int:
    """Run it; gives the exit code: 0 done, 1 it failed."""
    parser = argparse.ArgumentParser(prog="python -m haechi.client", description=__doc__)
    parser.add_argument("source", help="a video file, rtsp://… (a camera), or webcam:0")
    parser.add_argument("--server", required=True, help="HOST or HOST:PORT of its result socket")
    parser.add_argument("--token-file", required=True, type=Path, help="file that haechi push add wrote")
    parser.add_argument("--module", default="objects", help="what is to look at it; empty: nothing")
    parser.add_argument("--out", type=Path, help="write the video with its boxes there (.mp4, .mkv)")
    parser.add_argument("--show", action="store_true", help="show the video with its boxes in the browser")
    parser.add_argument("--json", action="store_true", help="print each result as a line of JSON")
    parser.add_argument("--fast", action="store_true", help="a file: as fast as results come")
    parser.add_argument("--transport", choices=("tcp", "udp"), default="tcp", help="how RTP travels")
    parser.add_argument("--udp-mbit", type=float, default=400.0, help="udp: how fast it leaves at most, in Mbit/s")
    parser.add_argument("--judge", action="store_true", help="for results only, although this client is a camera there")
    parser.add_argument("--keep", action="store_true", help="begin again whenever the connection or the source breaks")
    parser.add_argument("--name", default="", help="what the server's log calls it")
    given = parser.parse_args(arguments)
    way = UdpWay(mbit_s=max(0.1, given.udp_mbit))
    use = "judge" if given.judge else ""
    wish = Wish(given.module, given.fast, given.transport, way, given.name, use)
    err = Console(stderr=True, highlight=False)
    options = Options(given.server, given.source, given.token_file, wish, given.out, given.show, given.json, given.keep)
    try:
        asyncio.run(play(options, err))
    except HaechiError as error:
        err.print(f"{error.message} ({error.code})", markup=False)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
