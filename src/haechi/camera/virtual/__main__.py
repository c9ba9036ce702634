"""``python -m haechi.camera.virtual``: RTSP cameras made of software, until interrupted."""

import argparse
import asyncio
import sys
import uuid
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from haechi.base.errors import HaechiError
from haechi.camera.virtual.ears import Ears
from haechi.camera.virtual.feed import BUMPED, BumpedFeed, SceneFeed, default_cache_dir, open_file
from haechi.camera.virtual.onvif.model import Identity, VirtualProfile
from haechi.camera.virtual.onvif.server import Listening, VirtualOnvif
from haechi.camera.virtual.onvif.users import Users
from haechi.camera.virtual.scene import SCENES
from haechi.camera.virtual.server import Feed, VirtualCamera
from haechi.fleet.onvif.discovery import PORT
from haechi.media.access_unit import Codec, VideoParams
from haechi.media.rtsp.server import ServerPolicy


def parser() -> argparse.ArgumentParser:
    """The command line."""
    names = ", ".join(scene.name for scene in SCENES)
    result = argparse.ArgumentParser(
        prog="python -m haechi.camera.virtual",
        description="Serve files and rendered scenes as RTSP cameras, in real time and in a loop, until interrupted.",
    )
    result.add_argument(
        "--scene", action="append", default=[], metavar="NAME", help=f"serve a rendered scene at /NAME: {names}, or all"
    )
    result.add_argument(
        "--file", action="append", default=[], type=Path, metavar="PATH",
        help="serve an MP4, MKV, MOV or bare .h264/.h265 file at /STEM; may be given again",
    )  # fmt: skip
    result.add_argument("--fps", type=float, help="pictures a second of a bare stream (default 25)")
    result.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    result.add_argument("--port", type=int, default=8654, help="port to listen on; 0 picks one (default %(default)s)")
    result.add_argument("--user", default="", help="ask for this user name (Digest)")
    result.add_argument("--password", default="", help="and this password")
    result.add_argument("--sha256", action="store_true", help="Digest with SHA-256 in place of MD5")
    result.add_argument("--udp", action="store_true", help="offer RTP over UDP too")
    result.add_argument(
        "--onvif", type=int, metavar="PORT",
        help="be ONVIF devices too, that can be found and moved: the first at this port, the others after it",
    )  # fmt: skip
    result.add_argument(
        "--hear", type=Path, metavar="FILE",
        help="take sound from clients (ONVIF's back channel); what was heard is written to this WAV file at the end",
    )  # fmt: skip
    result.add_argument(
        "--bump-after", type=float, metavar="SECONDS",
        help="somebody runs into the cameras then: what scenes show is shifted and turned a little",
    )  # fmt: skip
    result.add_argument("--no-cache", action="store_true", help="render anew and keep nothing")
    return result


def feeds(options: argparse.Namespace) -> dict[str, Feed]:
    """Path to feed.

    Raises:
        HaechiError: A scene or file is not there or cannot be served.
    """
    wanted: list[str] = list(options.scene) or ([] if options.file else ["all"])
    names = [scene.name for scene in SCENES] if "all" in wanted else wanted
    kept_in = None if options.no_cache else default_cache_dir()
    scenes = [SceneFeed(name, kept_in) for name in names]
    for feed in scenes:
        feed.start()
    result: dict[str, Feed] = {f"/{feed.name}": feed for feed in scenes}
    if options.bump_after is not None:
        result = {f"/{feed.name}": BumpedFeed(feed, SceneFeed(feed.name, moved=BUMPED)) for feed in scenes}
    for path in options.file:
        result[f"/{path.stem}"] = open_file(path, options.fps)
    return result


def close(shown: dict[str, Feed]) -> None:
    """Stop what renders."""
    for feed in shown.values():
        if isinstance(feed, SceneFeed | BumpedFeed):
            feed.close()


async def serve(shown: dict[str, Feed], options: argparse.Namespace) -> None:
    """Serve until cancelled, and say where."""
    policy = ServerPolicy(
        username=options.user,
        password=options.password,
        algorithm="SHA-256" if options.sha256 else "MD5",
        udp=options.udp,
    )
    camera = VirtualCamera(shown, policy, host=options.host, port=options.port)
    ears = Ears()
    if options.hear is not None:
        camera.listen(ears)
    async with camera, AsyncExitStack() as stack:
        if options.hear is not None:
            stack.callback(ears.write, options.hear)
        for number, (path, feed) in enumerate(shown.items()):
            sys.stdout.write(f"{camera.url(path)}\n")
            if options.onvif:
                device = device_for(camera.url(path), feed, options, options.onvif + number)
                sys.stdout.write(f"{(await stack.enter_async_context(device)).url}\n")
        sys.stdout.flush()
        if options.bump_after is not None:
            await asyncio.sleep(options.bump_after)
            for feed in shown.values():
                if isinstance(feed, BumpedFeed):
                    feed.bump()
        await asyncio.Event().wait()


def device_for(uri: str, feed: Feed, options: argparse.Namespace, port: int) -> VirtualOnvif:
    """The ONVIF device of one feed; it answers whoever looks for cameras on the network of its host."""
    name = uri.rpartition("/")[2]
    video = next(track for track in feed.tracks() if isinstance(track, VideoParams))
    profile = VirtualProfile(
        "main", uri, "H265" if video.codec is Codec.H265 else "H264", video.width_px, video.height_px
    )
    return VirtualOnvif(
        [profile],
        users=Users(options.user, options.password),
        identity=Identity(name=name, serial=name, endpoint=f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, uri)}"),
        listening=Listening(options.host, port, PORT),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Exit status 1 comes with one line that says why."""
    options = parser().parse_args(arguments)
    shown: dict[str, Feed] = {}
    try:
        shown = feeds(options)
        asyncio.run(serve(shown, options))
    except KeyboardInterrupt:
        return 0
    except (HaechiError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    finally:
        close(shown)
    return 0


if __name__ == "__main__":
    sys.exit(main())
