"""The process that asks a site: yt-dlp with options that are ours, behind the `Guard`.

Started as ``python -m haechi.ingest.sites.worker SOCKET``; it ends with the other side of its socket.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from haechi.ingest.sites.guard import Guard
from haechi.ingest.sites.messages import Ask, Fetched, Found, Progress, Refused, Reply, pack, read_ask

NICENESS = 10
SOCKET_S = 15
PLAYLIST_BYTES = 1 << 20
_HEAD = 4
_SMALL = "[height<=?1080]"
_ONE_FILE = f"b[vcodec^=avc1]{_SMALL}/b[vcodec^=h264]{_SMALL}"
_PICTURES = f"bv[vcodec^=avc1]{_SMALL}/bv[vcodec^=h264]{_SMALL}"
_UNKNOWN = f"b[vcodec^=?avc1]{_SMALL}"
"""Where the site does not say which coding: the film's reader looks."""
WITH_SOUND = f"{_ONE_FILE}/{_UNKNOWN}/{_PICTURES}"
WITHOUT_SOUND = f"{_PICTURES}/{_ONE_FILE}/{_UNKNOWN}"
CAME = ".video"
"""What the file is called until it is whole."""
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def send(descriptor: int, message: Reply) -> None:
    """Write a reply whole."""
    data = memoryview(pack(message))
    while data:
        data = data[os.write(descriptor, data) :]


class _Silent:
    """Takes what yt-dlp says: what matters of it comes as an error."""

    def debug(self, text: str) -> None:
        """Nothing."""

    def warning(self, text: str) -> None:
        """Nothing."""

    def error(self, text: str) -> None:
        """Nothing."""


def options_for(ask: Ask) -> dict[str, Any]:
    """Every option that matters is set here; none comes from a person or a file."""
    return {
        "format": WITH_SOUND if ask.sound else WITHOUT_SOUND,
        "noplaylist": True,
        "playlist_items": "1",
        "cachedir": False,
        "proxy": "",
        "socket_timeout": SOCKET_S,
        "retries": 3,
        "extractor_retries": 1,
        "js_runtimes": {},
        "external_downloader": {"default": "native"},
        "hls_prefer_native": True,
        "fixup": "never",
        "postprocessors": [],
        "enable_file_urls": False,
        "quiet": True,
        "no_warnings": True,
        "noprogress": True,
        "logger": _Silent(),
        "nopart": True,
        "overwrites": True,
        "continuedl": False,
        "updatetime": False,
        "max_filesize": ask.max_bytes or None,
        "outtmpl": {"default": f"{ask.path}{CAME}".replace("%", "%%")},
    }


def answer(descriptor: int, ask: Ask, guard: Guard) -> None:
    """Look, and fetch where that is asked for."""
    try:
        from yt_dlp import YoutubeDL  # type: ignore[import-untyped]
        from yt_dlp.utils import YoutubeDLError  # type: ignore[import-untyped]
    except ImportError:
        message = "yt-dlp is not installed; run: pip install 'haechi[sites]', and start the server again"
        send(descriptor, Refused("site-extra-missing", message))
        return
    guard.hold(ask.max_bytes)
    told = _Teller(descriptor)
    try:
        with YoutubeDL(options_for(ask) | {"progress_hooks": [told.hook]}) as site:
            info = site.extract_info(ask.url, download=False)
            found = found_in(info, lambda one: _goes_on(site, one))
            send(descriptor, found)
            if ask.path and isinstance(found, Found):
                if found.is_live:
                    send(descriptor, Refused("site-is-live", "this is a live picture; add it as a camera"))
                    return
                site.process_ie_result(info, download=True)
                send(descriptor, _kept(ask))
    except (YoutubeDLError, OSError, MemoryError, ValueError) as error:
        send(descriptor, refusal_of(error, guard))


def _kept(ask: Ask) -> Reply:
    """The file in its place. yt-dlp leaves out what is too large without a word."""
    came = Path(ask.path + CAME)
    if not came.exists():
        message = f"the video is larger than {ask.max_bytes >> 20} MiB (setting films.max_bytes)"
        return Refused("site-too-large", message)
    return Fetched(came.replace(ask.path).stat().st_size)


class _Teller:
    """Tells how much is fetched, not too often."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._told = 0.0

    def hook(self, state: dict[str, Any]) -> None:
        total = state.get("total_bytes") or state.get("total_bytes_estimate") or 0
        count, fragments = state.get("fragment_index") or 0, state.get("fragment_count") or 0
        share = count / fragments if fragments else (state.get("downloaded_bytes") or 0) / total if total else 0.0
        if share >= self._told + 0.005:
            self._told = share
            send(self._descriptor, Progress(min(share, 1.0)))


def _goes_on(site: Any, info: dict[str, Any]) -> bool:
    """Whether a playlist, of which the site does not say what it is, has no end (RFC 8216 section 4.3.3.4)."""
    if not str(info.get("protocol") or "").startswith("m3u8"):
        return False
    with site.urlopen(info["url"]) as answer:
        text = answer.read(PLAYLIST_BYTES)
    return b"#EXTINF" in text and b"#EXT-X-ENDLIST" not in text


def found_in(info: Any, goes_on: Callable[[dict[str, Any]], bool] = lambda info: False) -> Found | Refused:
    """What yt-dlp found, or why it is of no use.

    Args:
        goes_on: Asked where the site does not say whether it is live.
    """
    if not isinstance(info, dict) or info.get("_type", "video") != "video":
        entries = list(info.get("entries") or ()) if isinstance(info, dict) else []
        if len(entries) == 1 and isinstance(entries[0], dict):
            return found_in(entries[0], goes_on)
        return Refused("site-no-video", "this page is not one video; give the address of a single one")
    if info.get("live_status") == "is_upcoming":
        return Refused("site-not-yet", "this has not begun yet; try again when it is live", is_passing=True)
    url = str(info.get("url") or "")
    if not url:
        return Refused("site-no-h264", "the site has no H.264 video of at most 1080 lines here in one piece")
    said = info.get("is_live")
    return Found(
        title=" ".join(str(info.get("title") or "").split())[:120],
        url=url[:8192],
        is_live=goes_on(info) if said is None else bool(said),
        duration_s=float(info.get("duration") or 0.0),
    )


def refusal_of(error: Exception, guard: Guard) -> Refused:
    """What went wrong, in the site's own words where they help."""
    if guard.refused:
        message = "the site leads to an address that is not public; allow it in sources.allow if you mean it"
        return Refused("site-address", message)
    words = _COLOURS.sub("", str(error)).removeprefix("ERROR: ").split("\n")[0].split("; please report")[0].strip()
    if "Requested format is not available" in words:
        return Refused("site-no-h264", "the site has no H.264 video of at most 1080 lines here in one piece")
    if "Unsupported URL" in words:
        return Refused("site-no-video", "no video was found at this address")
    return Refused("site-refused", f"the site does not give it out: {words[:200]}", is_passing=True)


def _read(descriptor: int, size: int) -> bytes:
    data = b""
    while len(data) < size and (more := os.read(descriptor, size - len(data))):
        data += more
    return data


def _end_with(descriptor: int) -> None:
    """End this process when the other side closes the socket."""
    while os.read(descriptor, 4096):
        pass
    os._exit(3)


def main(descriptor: int) -> int:
    """One question, its answers, then the end."""
    os.nice(NICENESS)
    size = int.from_bytes(_read(descriptor, _HEAD), "big")
    ask = read_ask(_read(descriptor, size))
    threading.Thread(target=_end_with, args=(descriptor,), daemon=True).start()
    answer(descriptor, ask, Guard(ask.allow, ask.deny))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1])))
