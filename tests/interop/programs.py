"""Programs of others: whether they are here, what version they are, and processes of them."""

import asyncio
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from haechi.base.clock import SystemClock
from haechi.media.access_unit import Codec
from tests.interop.clips import Clip

START_S = 30.0
SYSTEM_PYTHON = "/usr/bin/python3"
"""Debian's own: python3-gi is built for it and no other."""
_GSTREAMER = Path(__file__).with_name("gstreamer_camera.py")
_PARSE = {Codec.H264: "h264parse", Codec.H265: "h265parse", Codec.MJPEG: "jpegparse", Codec.AAC: "aacparse"}
_PAY = {
    Codec.H264: "rtph264pay",
    Codec.H265: "rtph265pay",
    Codec.MJPEG: "rtpjpegpay",
    Codec.AAC: "rtpmp4gpay",
    Codec.PCMU: "rtppcmupay",
    Codec.PCMA: "rtppcmapay",
}


def version(*command: str) -> str:
    """What a program says of its version; empty when it is not here."""
    if shutil.which(command[0]) is None:
        return ""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=START_S)
    found = re.search(r"\d+\.\d+(\.\d+)*", done.stdout + done.stderr)
    return found[0] if done.returncode == 0 and found else ""


def ffmpeg() -> str:
    """The version of ffmpeg; skips the test when there is none."""
    return _or_skip(version("ffmpeg", "-version"), "ffmpeg")


def gstreamer() -> str:
    """The version of GStreamer as a client."""
    return _or_skip(version("gst-launch-1.0", "--version"), "GStreamer")


def gstreamer_server() -> str:
    """The version of GStreamer with its RTSP server, as Debian's Python sees it."""
    return _or_skip(version(SYSTEM_PYTHON, str(_GSTREAMER), "--version"), "gst-rtsp-server with python3-gi")


def vlc() -> str:
    """The version of VLC."""
    return _or_skip(version("cvlc", "--version") or _vlc_as_nobody(), "VLC")


def _vlc_as_nobody() -> str:
    return version("setpriv", "--reuid=nobody", "--clear-groups", "cvlc", "--version") if shutil.which("cvlc") else ""


def _or_skip(found: str, name: str) -> str:
    if not found:
        pytest.skip(f"{name} is not here; make interop installs it where apt may be used")
    return found


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@asynccontextmanager
async def running(command: Sequence[str], log: Path, user: str = "") -> AsyncIterator[asyncio.subprocess.Process]:
    """A program for as long as the block lasts. What it says goes to ``log``."""
    home = {"HOME": str(log.parent)} if user else {}
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env={**os.environ, **home},
            user=user or None,
            extra_groups=[] if user else None,
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def listens(port: int, process: asyncio.subprocess.Process, log: Path) -> None:
    """Wait until a program takes connections."""
    deadline_ns = SystemClock().monotonic_ns() + int(START_S * 1e9)
    while True:
        assert process.returncode is None, log.read_text(errors="replace")
        assert SystemClock().monotonic_ns() < deadline_ns, log.read_text(errors="replace")
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
            continue
        writer.close()
        return


@asynccontextmanager
async def gstreamer_camera(clip: Clip, folder: Path, *, login: str = "", tls: Path | None = None) -> AsyncIterator[str]:
    """gst-rtsp-server with a clip, from its beginning for the first client; yields its address.

    Args:
        login: ``digest:user:password`` or ``basic:user:password``.
        tls: A PEM file with a certificate and its key.
    """
    kinds = [clip.codec, *([clip.sound_codec] if clip.sound_codec else [])]
    chains = []
    for number, kind in enumerate(kinds):
        parse = f"{_PARSE[kind]} ! " if kind in _PARSE else ""
        repeat = " config-interval=-1" if kind in (Codec.H264, Codec.H265) else ""
        chains.append(f"d. ! queue ! {parse}{_PAY[kind]} name=pay{number} pt={96 + number}{repeat}")
    demux = "qtdemux" if clip.path.suffix == ".mov" else "matroskademux"
    launch = f"( filesrc location={clip.path} ! {demux} name=d {' '.join(chains)} )"
    port, log = free_port(), folder / "gstreamer.log"
    options = [*(["--login", login] if login else []), *(["--tls", str(tls)] if tls else [])]
    command = [SYSTEM_PYTHON, str(_GSTREAMER), "--port", str(port), *options, launch]
    async with running(command, log) as process:
        await listens(port, process, log)
        user = f"{login.partition(':')[2]}@" if login else ""
        yield f"{'rtsps' if tls else 'rtsp'}://{user}127.0.0.1:{port}/live"


@asynccontextmanager
async def vlc_camera(clip: Clip, folder: Path) -> AsyncIterator[str]:
    """VLC that plays a clip in a loop and serves it by RTSP, whether anybody watches or not; yields its address."""
    port, log = free_port(), folder / "vlc.log"
    sout = f"#rtp{{sdp=rtsp://127.0.0.1:{port}/live}}"
    with tempfile.TemporaryDirectory() as open_folder:
        Path(open_folder).chmod(0o755)
        shown = Path(shutil.copy(clip.path, open_folder))
        command = ["cvlc", "-I", "dummy", "--no-video-title-show", str(shown)]
        command += ["--sout", sout, "--sout-all", "--sout-keep", "--loop"]
        async with running(command, log, user=unprivileged()) as process:
            await listens(port, process, log)
            yield f"rtsp://127.0.0.1:{port}/live"


def unprivileged() -> str:
    """Whom to run a program as that refuses to be root's; empty when we are not root."""
    return pwd.getpwnam("nobody").pw_name if os.geteuid() == 0 else ""
