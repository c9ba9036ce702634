"""The twenty-five cameras of `bench.soak`."""

from __future__ import annotations

import ssl
from collections.abc import Callable

from bench.soak_coming import PushYard, ReverseYard, WhipYard
from bench.soak_web import HlsYard, MjpegYard, RtmpYard
from bench.soak_yard import Kind, RtspYard, Yard

PLAN = (
    ("tcp", "h264", "aac", 4),
    ("tcp", "h265", "pcmu", 2),
    ("tcp", "mjpeg", "", 1),
    ("udp", "h264", "pcma", 2),
    ("udp", "h265", "aac", 1),
    ("rtsps", "h264", "aac", 2),
    ("reverse", "h264", "aac", 1),
    ("reverse", "h265", "", 1),
    ("push", "h264", "", 1),
    ("push", "h265", "", 1),
    ("push-udp", "h264", "", 1),
    ("whip", "h264", "opus", 2),
    ("http", "mjpeg", "", 2),
    ("hls-ts", "h264", "aac", 1),
    ("hls-mp4", "h265", "aac", 1),
    ("rtmp", "h264", "aac", 1),
    ("rtmp", "h265", "aac", 1),
)


def kinds() -> list[Kind]:
    """One for each camera."""
    return [Kind(way, codec, audio) for way, codec, audio, count in PLAN for _ in range(count)]


def choose(count: int) -> list[Kind]:
    """Fewer cameras are of as many kinds as possible."""
    every = kinds()
    order = sorted(range(len(every)), key=lambda index: sum(one.name == every[index].name for one in every[:index]))
    return [every[index] for index in sorted(order[:count])]


def camera_of(kind: Kind, tls: ssl.SSLContext) -> Yard:
    """A camera of a kind."""
    ways: dict[str, Callable[[Kind], Yard]] = {
        "reverse": ReverseYard,
        "push": PushYard,
        "push-udp": PushYard,
        "whip": WhipYard,
        "http": MjpegYard,
        "hls-ts": HlsYard,
        "hls-mp4": HlsYard,
        "rtmp": RtmpYard,
    }
    return ways[kind.way](kind) if kind.way in ways else RtspYard(kind, tls)
