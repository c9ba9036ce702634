"""Which cameras this machine has, and what they code themselves. Linux: asked of the kernel (V4L2), without libav."""

from __future__ import annotations

import os
import platform
import struct
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from haechi.base.errors import Unavailable
from haechi.ingest.webcam.messages import Plan
from haechi.media.webcam import Webcam

_QUERYCAP, _ENUM_FMT, _ENUM_FRAMESIZES = 0x80685600, 0xC0405602, 0xC02C564A
"""ioctl numbers of linux/videodev2.h, the same on all 64-bit machines."""
_CAPTURE, _DEVICE_CAPS = 0x1, 0x80000000
_MOST = 64
_BEST = ("H264", "MJPG")
_CODECS = {"H264": "h264", "MJPG": "mjpeg", "JPEG": "mjpeg"}
_OURS = {"h264": "H264", "mjpeg": "MJPG"}


class Device(Struct, frozen=True):
    """A camera of this machine.

    Attributes:
        address: What to type.
        formats: Four-letter names of what it gives, coded ones among them: ``H264``, ``MJPG``, ``YUYV``.
        sizes: Largest first, such as ``1920x1080``.
        problem: Why nothing more is known of it; empty: it is.
    """

    address: str
    name: str
    formats: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    problem: str = ""

    @property
    def codes(self) -> bool:
        """Whether it codes itself, so that nothing has to be encoded."""
        return any(one in _CODECS for one in self.formats)


def devices(root: Path = Path("/sys/class/video4linux"), dev: Path = Path("/dev")) -> list[Device]:
    """All of them. Blocking, for some milliseconds."""
    if platform.system() == "Linux":
        return [device for entry in _entries(root) if (device := _look(entry, dev)) is not None]
    return _by_libav()


def plan_for(webcam: Webcam) -> Plan:
    """How libav is to open it.

    Raises:
        Unavailable: ``webcam-missing``, ``webcam-denied``: the device cannot be asked (Linux).
    """
    options: dict[str, str] = {}
    if webcam.fps:
        options["framerate"] = str(webcam.fps)
    if webcam.width_px:
        options["video_size"] = f"{webcam.width_px}x{webcam.height_px}"
    plan = Plan("", "", options, webcam.width_px, webcam.height_px, webcam.fps, webcam.kbps)
    if platform.system() == "Windows":
        name = webcam.which if not webcam.which.isdecimal() else _named(int(webcam.which))
        return _replaced(plan, "dshow", f"video={name}", {"rtbufsize": "64M"})
    if platform.system() == "Darwin":
        return _replaced(plan, "avfoundation", webcam.which, {} if webcam.fps else {"framerate": "30"})
    path = f"/dev/video{webcam.which}" if webcam.which.isdecimal() else webcam.which
    return _replaced(plan, "v4l2", path, _input_format(path, webcam.codec))


def _replaced(plan: Plan, form: str, url: str, more: dict[str, str]) -> Plan:
    return Plan(form, url, {**plan.options, **more}, plan.width_px, plan.height_px, plan.fps, plan.kbps)


def _input_format(path: str, codec: str) -> dict[str, str]:
    """What to ask of the driver: the best that the camera codes, unless somebody wishes something else."""
    if codec == "raw":
        return {"input_format": "yuyv422"}
    formats = _formats(Path(path))
    wanted = [_OURS[codec]] if codec in _OURS else list(_BEST)
    for name in wanted:
        if name in formats:
            return {"input_format": _CODECS[name]}
    if codec in _OURS:
        raise Unavailable(
            f"this camera does not code {codec} itself; leave codec away, or see haechi webcam list",
            code="webcam-codec",
            formats=" ".join(formats)[:100],
        )
    return {}


def _named(number: int) -> str:
    found = _by_libav()
    if number >= len(found):
        raise Unavailable("there is no such camera in this machine; see haechi webcam list", code="webcam-missing")
    return found[number].name


def _by_libav() -> list[Device]:
    """Windows and macOS."""
    import av

    form = "dshow" if platform.system() == "Windows" else "avfoundation"
    found = [one for one in av.enumerate_input_devices(form) if "video" in one.media_types]
    return [
        Device(f"webcam:{one.description if form == 'dshow' else number}", one.description)
        for number, one in enumerate(found)
    ]


def _entries(root: Path) -> list[Path]:
    try:
        found = [entry for entry in root.iterdir() if entry.name.startswith("video") and entry.name[5:].isdecimal()]
    except OSError:
        return []
    return sorted(found, key=lambda entry: int(entry.name[5:]))[:_MOST]


def _look(entry: Path, dev: Path) -> Device | None:
    """The device behind an entry; None: it takes no pictures (a camera has entries for other things, too)."""
    try:
        name = (entry / "name").read_text(encoding="utf-8", errors="replace").strip()[:100]
    except OSError:
        name = entry.name
    path = dev / entry.name
    address = f"webcam:{path}"
    try:
        with _Node(path) as file:
            if not _captures(file):
                return None
            formats = tuple(_formats_of(file))
            sizes = tuple(_sizes_of(file, formats))
    except Unavailable as error:
        return Device(address, name, problem=error.message)
    return Device(address, name, formats, sizes)


class _Node:
    """A device node, open for questions."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1

    def __enter__(self) -> int:
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except PermissionError as error:
            raise Unavailable(
                "this camera may not be opened; add the user to the group video",
                code="webcam-denied",
                device=str(self._path),
            ) from error
        except OSError as error:
            message = "there is no such camera in this machine; see haechi webcam list"
            raise Unavailable(message, code="webcam-missing", device=str(self._path)) from error
        return self._file

    def __exit__(self, *_: object) -> None:
        os.close(self._file)


def _formats(path: Path) -> list[str]:
    with _Node(path) as file:
        return list(_formats_of(file))


def _ask(file: int, request: int, question: bytes) -> bytes | None:
    """One ioctl; None: the driver has no (further) answer."""
    import fcntl

    try:
        return fcntl.ioctl(file, request, question)
    except OSError:
        return None


def _captures(file: int) -> bool:
    answer = _ask(file, _QUERYCAP, bytes(104))
    if answer is None:
        return False
    every, own = struct.unpack_from("<II", answer, 84)
    return bool((own if every & _DEVICE_CAPS else every) & _CAPTURE)


def _formats_of(file: int) -> Iterator[str]:
    for index in range(_MOST):
        answer = _ask(file, _ENUM_FMT, struct.pack("<II", index, 1) + bytes(56))
        if answer is None:
            return
        yield answer[44:48].decode("ascii", "replace").strip()


def _sizes_of(file: int, formats: tuple[str, ...]) -> list[str]:
    """Sizes of the best format, largest first."""
    best = next((name for name in (*_BEST, *formats) if name in formats), None)
    if best is None:
        return []
    found: set[tuple[int, int]] = set()
    for index in range(_MOST):
        question = struct.pack("<I4s", index, best.ljust(4).encode("ascii")) + bytes(36)
        answer = _ask(file, _ENUM_FRAMESIZES, question)
        if answer is None:
            break
        (kind,) = struct.unpack_from("<I", answer, 8)
        if kind == 1:
            found.add(struct.unpack_from("<II", answer, 12))
    return [f"{width}x{height}" for width, height in sorted(found, reverse=True)]
