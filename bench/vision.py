"""What looking at a camera costs, and what it finds, beside two others on the same footage.

A film is coded again as a camera would send it (H.264 without B-frames, a sync unit every two seconds) and given to:
our live worker at the default schedule (sync units always, everything for a while after something moved), and as a rule
asks for (everything, 5 looks a second); a plain loop that decodes everything with ffmpeg and shows the same detector
every third picture; and Debian's `motion`, which finds movement, not people. Each alone, on one core at most. CPU is
user + system of all its processes for each second of film. Nobody marked the film by hand: an event is a stretch in
which both of our detectors, merged, see somebody (score 0.6) in every second picture, 1.5 s apart at most and for 1 s
at least; that says nothing against a person whom all detectors miss. An event is found when something was seen in it
or up to 2 s after; the delay is that of the film: from its beginning to the picture that showed it, without the time
that looking took. What was seen outside of all events is counted as false.

    python -m bench.vision [--film PATH] [--write docs/ref/bench-vision.md]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
from msgspec import Struct
from tests.footage import footage
from tests.vision.scenes import PATIENT, STREAM, Rig, file_units, running

from haechi.base.clock import NS_PER_S
from haechi.vision.detectors import open_detector
from haechi.vision.detectors.together import Together
from haechi.vision.feed import Demand
from haechi.vision.models import ModelStore
from haechi.vision.result import Detection
from haechi.vision.settings import VisionSettings, detector_setups

FILM = "people/one-by-one-person-detection.mp4"
SURE = 0.5
TRUE_SCORE, JOIN_S, LEAST_S, AFTER_S = 0.6, 1.5, 1.0, 2.0
SIDE_PX = 416
MOTION_CONF = """
setup_mode off
log_level 6
netcam_url file://{film}
width {width}
height {height}
framerate {fps}
event_gap 3
picture_output off
movie_output off
webcontrol_port 0
stream_port 0
"""
Spans = list[tuple[float, float]]


class Found(Struct, frozen=True):
    """What one contestant did.

    Attributes:
        seen_s: When it saw something, seconds of the film.
        cpu_s: Processor time.
        looks: Pictures that were shown to a detector.
    """

    name: str
    seen_s: list[float]
    cpu_s: float
    looks: int


def prepared(film: Path, folder: Path, seconds: float) -> tuple[Path, float, float]:
    """The film as a camera sends it, ``seconds`` of it at most, its length in seconds and its rate."""
    with av.open(str(film)) as container:
        video = container.streams.video[0]
        fps = float(video.average_rate or 15)
        length_s = min(seconds, float((container.duration or 0) / 1_000_000))
    out = folder / "film.mp4"
    coder = ["-c:v", "libx264", "-preset", "veryfast", "-bf", "0", "-g", str(round(2 * fps)), "-sc_threshold", "0"]
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-i",
        str(film),
        "-t",
        str(length_s),
        "-an",
        *coder,
        "-pix_fmt",
        "yuv420p",
        "-y",
        str(out),
    ]
    subprocess.run(command, check=True)
    return out, length_s, fps


def people(found: Sequence[Detection], least: float) -> bool:
    """Whether somebody is there."""
    return any(one.label == "person" and one.score >= least for one in found)


def joined(times_s: Sequence[float]) -> Spans:
    """Stretches in which something is seen again and again."""
    spans: Spans = []
    for at_s in times_s:
        if spans and at_s - spans[-1][1] <= JOIN_S:
            spans[-1] = (spans[-1][0], at_s)
        else:
            spans.append((at_s, at_s))
    return [span for span in spans if span[1] - span[0] >= LEAST_S]


def truth(film: Path, store: ModelStore) -> Spans:
    """The events; see the module."""
    setups = detector_setups(store, VisionSettings(detector="picodet-s+yolox-tiny"))
    together = Together([open_detector(setup) for setup in setups])
    times: list[float] = []
    with av.open(str(film)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % 2 or frame.time is None:
                continue

            def scaled(
                width: int, height: int, frame: av.VideoFrame = frame
            ) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
                return np.asarray(frame.to_ndarray(width=width, height=height, format="bgr24"), np.uint8)

            (found,) = together.detect([together.views(scaled, frame.width, frame.height)])
            if people(found, TRUE_SCORE):
                times.append(frame.time)
    return joined(times)


async def ours(film: Path, store: ModelStore, demand: Demand, name: str) -> Found:
    """Our live worker, as fast as it goes, each unit when the one before was answered."""
    params, units = file_units(film, STREAM, 1 << 30)
    began_ns = units[0].captured_ns
    async with running(VisionSettings(feed=PATIENT), store) as rig:
        (pid,) = rig.pool.worker_pids()
        rig.pool.demand(STREAM, demand)
        rig.open(params)
        before = cpu_of(pid)
        await rig.play(units, most_ahead=2)
        rig.close()
        await rig.settle()
        return Found(name, seen_of(rig, began_ns), cpu_of(pid) - before, rig.pool.status().looked_frames)


def seen_of(rig: Rig, began_ns: int) -> list[float]:
    """When somebody was seen."""
    return [(one.captured_ns - began_ns) / NS_PER_S for one in rig.results if people(one.detections, SURE)]


def cpu_of(pid: int | None) -> float:
    """Seconds that a process has taken so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def plain(film: Path, store: ModelStore, fps: float) -> Found:
    """ffmpeg decodes everything and scales every third picture; the same detector looks at it."""
    (setup,) = detector_setups(store, VisionSettings())
    detector = open_detector(setup)
    detector.detect([np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)])
    shown = r"select=not(mod(n\,3))," + f"scale={SIDE_PX}:{SIDE_PX}:flags=bilinear"
    command = ["ffmpeg", "-v", "error", "-threads", "1", "-i", str(film), "-vf", shown, "-fps_mode", "passthrough"]
    command += ["-f", "rawvideo", "-pix_fmt", "bgr24", "-"]
    children, own_s = spent_by_children(), time.process_time()
    seen: list[float] = []
    looks = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while len(data := process.stdout.read(SIDE_PX * SIDE_PX * 3)) == SIDE_PX * SIDE_PX * 3:
            (found,) = detector.detect([np.frombuffer(data, np.uint8).reshape(SIDE_PX, SIDE_PX, 3)])
            if people(found, SURE):
                seen.append(3 * looks / fps)
            looks += 1
    return Found(
        "ffmpeg, every third picture", seen, time.process_time() - own_s + spent_by_children() - children, looks
    )


def motion(film: Path, folder: Path, length_s: float, fps: float) -> Found:
    """Debian's motion plays the film at its own pace; what it calls an event counts from its first picture on."""
    with av.open(str(film)) as container:
        video = container.streams.video[0]
        size = {"width": video.width // 8 * 8, "height": video.height // 8 * 8}
    conf = folder / "motion.conf"
    conf.write_text(MOTION_CONF.format(film=film, fps=round(fps), **size))
    before = spent_by_children()
    log = folder / "motion.log"
    with log.open("w") as out:
        process = subprocess.Popen(["motion", "-n", "-c", str(conf)], stdout=out, stderr=out, cwd=folder)
        began_s = time.monotonic()
        marks: list[tuple[float, str]] = []
        read = 0
        while time.monotonic() - began_s < length_s + 4 and process.poll() is None:
            time.sleep(0.02)
            text = log.read_text(errors="replace")
            marks += [(time.monotonic(), line) for line in text[read:].splitlines() if line]
            read = len(text)
        process.terminate()
        process.wait(10)
    first_s = next(
        (at_s for at_s, line in marks if re.search(r"(?i)camera .* (started|opened)|motion detection enabled", line)),
        began_s,
    )
    starts = [at_s - first_s for at_s, line in marks if "starting event" in line]
    ends = [at_s - first_s for at_s, line in marks if "End of event" in line]
    seen: list[float] = []
    for number, start_s in enumerate(starts):
        end_s = max(start_s, ends[number] - 3 if number < len(ends) else length_s)
        seen += list(np.arange(start_s, end_s + 0.01, 0.5))
    return Found("motion 4.5.1", seen, spent_by_children() - before, 0)


def spent_by_children() -> float:
    """Processor time of all that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def row(found: Found, events: Spans, length_s: float) -> str:
    """A line of the table."""
    delays: list[float] = []
    for start_s, end_s in events:
        hits = [at_s for at_s in found.seen_s if start_s - 0.5 <= at_s <= end_s + AFTER_S]
        if hits:
            delays.append(max(0.0, hits[0] - start_s))
    false = joined([at_s for at_s in found.seen_s if not any(a - 0.5 <= at_s <= b + AFTER_S for a, b in events)])
    cpu_ms = found.cpu_s / length_s * 1000
    delay = f"{statistics.median(delays):.1f} / {max(delays):.1f} s" if delays else "-"
    cells = [
        found.name,
        f"{cpu_ms:.0f}",
        f"{1000 / cpu_ms:.1f}",
        f"{found.looks / length_s:.1f}" if found.looks else "-",
    ]
    return "| " + " | ".join([*cells, f"{len(delays)} of {len(events)}", f"{len(false)}", delay]) + " |"


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--film", type=Path)
    parser.add_argument("--seconds", type=float, default=600.0, help="how much of the film")
    parser.add_argument("--write", type=Path)
    wish = parser.parse_args()
    store = ModelStore()
    for name in ("picodet-s", "yolox-tiny"):
        store.pull(name)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film, length_s, fps = prepared(wish.film or footage(FILM), folder, wish.seconds)
        events = truth(film, store)
        found = [
            await ours(film, store, Demand.MOTION, "ours, default schedule"),
            await ours(film, store, Demand.FULL, "ours, a rule asks for everything"),
            plain(film, store, fps),
            motion(film, folder, length_s, fps),
        ]
    head = [
        "",
        "CPU ms per second",
        "cameras per core",
        "looks per second",
        "events found",
        "false",
        "delay, median / most",
    ]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head), *(row(one, events, length_s) for one in found)]
    text = "\n".join(lines)
    print(f"{length_s:.0f} s at {fps:.0f} fps, {len(events)} events, load {os.getloadavg()[0]:.1f}\n\n{text}")
    if wish.write is not None:
        wish.write.write_text(text + "\n")


if __name__ == "__main__":
    asyncio.run(main())
