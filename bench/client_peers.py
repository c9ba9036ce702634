"""Known programs that receive the same RTP by UDP as the result socket does, and write what arrives: ffmpeg, GStreamer.

They get the same pictures in the same packets, paced by the same sender. They only put packets together and write; the
result socket also stamps each picture, puts it on a bus, and answers for it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from haechi.base.clock import SystemClock
from haechi.client.datagrams import DatagramSender
from haechi.media.access_unit import RawUnit, VideoParams
from haechi.media.annexb import split_units
from haechi.media.packetise import RtpSender, track_for

START_S = 1.5
SETTLE_S = 1.0
BUFFER_BYTES = 32 * 1024 * 1024


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ffmpeg(port: int, out: Path, params: VideoParams) -> Sequence[str]:
    """The command line that receives and copies, with as large a buffer as the kernel gives and no probing."""
    fmtp = ";".join(f"{name}={value}" for name, value in track_for(params).fmtp.items())
    sdp = out.with_suffix(".sdp")
    sdp.write_text(
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\n"
        f"m=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\na=fmtp:96 {fmtp}\n"
    )
    fast = ["-fflags", "nobuffer", "-probesize", "100000", "-analyzeduration", "0", "-buffer_size", str(BUFFER_BYTES)]
    pull = ["-protocol_whitelist", "file,udp,rtp", *fast, "-reorder_queue_size", "0", "-i", str(sdp)]
    return ["ffmpeg", "-hide_banner", "-loglevel", "error", "-y", *pull, "-c", "copy", "-f", "h264", str(out)]


def gstreamer(port: int, out: Path, _params: VideoParams) -> Sequence[str]:
    """The same with GStreamer's elements; ``-e`` ends the file when it is interrupted."""
    caps = "application/x-rtp,media=video,clock-rate=90000,encoding-name=H264,payload=96"
    come = ["udpsrc", f"port={port}", "address=127.0.0.1", f"buffer-size={BUFFER_BYTES}", f"caps={caps}"]
    put = ["!", "rtph264depay", "!", "video/x-h264,stream-format=byte-stream,alignment=au", "!", "filesink"]
    return ["gst-launch-1.0", "-q", "-e", *come, *put, f"location={out}"]


PEERS = {"ffmpeg": ffmpeg, "GStreamer": gstreamer}


def present() -> list[str]:
    """Those that this machine has."""
    return [name for name, program in (("ffmpeg", "ffmpeg"), ("GStreamer", "gst-launch-1.0")) if shutil.which(program)]


async def flood(
    port: int, units: Iterator[RawUnit], params: VideoParams, mbit_s: float, seconds: float
) -> tuple[int, int]:
    """Send pictures for a while; gives how many, and their bytes."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.setblocking(False)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1024 * 1024)
    bound.connect(("127.0.0.1", port))
    out = DatagramSender(bound, SystemClock(), mbit_s * 125_000)
    sender = RtpSender(track_for(params), params.codec, ssrc=7)
    began_s, count, size = time.perf_counter(), 0, 0
    while time.perf_counter() - began_s < seconds:
        unit = next(units)
        packets = sender.packetise(unit.data, unit.rtp_ticks, is_sync=unit.is_sync, params=unit.params)
        out.put(packets, lambda: None)
        count += 1
        size += sum(map(len, packets))
        await out.drain()
    await out.drain(0)
    out.close()
    return count, size


def measured(
    name: str, folder: Path, units: Iterator[RawUnit], params: VideoParams, pace: tuple[float, float]
) -> dict[str, float]:
    """One run with a peer: ``pace`` is Mbit/s and seconds. Pictures are counted in what it wrote."""
    port, out = free_port(), folder / f"{name}.h264"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*PEERS[name](port, out, params)], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        time.sleep(START_S)
        began_s = time.perf_counter()
        sent, size = asyncio.run(flood(port, units, params, *pace))
        took_s = time.perf_counter() - began_s
        time.sleep(SETTLE_S)
        process.send_signal(signal.SIGINT)
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
    arrived = sum(1 for _ in split_units(out.read_bytes(), params.codec)) if out.exists() else 0
    out.unlink(missing_ok=True)
    return {
        "mbit_s": size * 8 / took_s / 1e6,
        "fps": arrived / took_s,
        "lost_units": sent - arrived,
        "lost_packets": float("nan"),
        "cpu": (usage.ru_utime + usage.ru_stime) / took_s,
    }
