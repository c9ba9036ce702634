"""A package with modules of its own, as somebody else would publish it: built as a wheel, installed into a folder."""

import base64
import hashlib
import zipfile
from pathlib import Path

CODE = '''
import os
import socket
import time


def bright():
    """Says how bright a picture is, and where it was in the stream."""

    def look(picture, about):
        assert picture.shape == (about.height_px, about.width_px, 3)
        yield {"label": f"unit {about.seq}", "score": float(picture.mean()) / 255, "box": (0.25, 0.25, 0.5, 0.5),
               "points": [(0.5, 0.5, 1.0)]}

    return look


def angry():
    def look(picture, about):
        if about.stream:
            raise ValueError("I do not like this picture")
        return []

    return look


def sleepy():
    def look(picture, about):
        if about.stream:
            time.sleep(3600)
        return []

    return look


def fatal():
    def look(picture, about):
        if about.stream:
            os._exit(7)
        return []

    return look


def liar():
    def look(picture, about):
        return [{"label": 5, "box": "everywhere"}] if about.stream else []

    return look


def spy():
    """Tells what it may do."""

    def tries(name, work):
        try:
            work()
        except OSError:
            return []
        return [{"label": name}]

    def look(picture, about):
        return [
            *tries("network", lambda: socket.socket()),
            *tries("files", lambda: open("/etc/hostname").read()),
            *tries("programs", os.fork if about.stream else int),
        ]

    return look


class Counter:
    """Counts the pictures of each camera; the count survives the process."""

    spec = {"name": "counter", "kind": "frame", "fps": 100, "needs": ["tracks"]}

    def __init__(self):
        self.counts = {}

    def look(self, batch):
        return [self.one(glimpse) for glimpse in batch]

    def one(self, glimpse):
        about = glimpse.about
        self.counts[about.stream] = self.counts.get(about.stream, 0) + 1
        value = self.counts[about.stream] / 1000
        reasons = [f"{thing.label} {thing.track}" for thing in glimpse.things]
        score = {"name": "count", "value": value, "t0_ns": about.captured_ns, "t1_ns": about.captured_ns}
        return {"scores": [score | {"reasons": reasons}]}

    def save(self, stream):
        return str(self.counts.get(stream, 0)).encode()

    def restore(self, stream, state):
        self.counts[stream] = int(state)


def poisoned():
    """One picture ends it, whenever it is shown."""

    def look(picture, about):
        if about.stream and about.seq == 2:
            os._exit(7)
        return [{"label": "picture"}]

    return look


def unfinished():
    raise RuntimeError("the weights are not there")
'''
NAMES = ("bright", "angry", "sleepy", "fatal", "liar", "spy", "poisoned", "unfinished")


def build_wheel(folder: Path) -> Path:
    """A wheel (PEP 427) of the package."""
    about = "demo_modules-1.0.dist-info"
    points = "\n".join(f"{name} = demo_modules:{name}" for name in (*NAMES, "objects", "Bad Name"))
    points += "\ncounter = demo_modules:Counter"
    files = {
        "demo_modules/__init__.py": CODE,
        f"{about}/METADATA": "Metadata-Version: 2.1\nName: demo-modules\nVersion: 1.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: by-hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/entry_points.txt": f"[haechi.modules]\n{points}\n",
    }
    record = "".join(f"{name},sha256={_digest(text)},{len(text.encode())}\n" for name, text in files.items())
    path = folder / "demo_modules-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in {**files, f"{about}/RECORD": f"{record}{about}/RECORD,,\n"}.items():
            wheel.writestr(name, text)
    return path


def install(wheel: Path, target: Path) -> None:
    """What an installer does with a pure wheel: checks its record, and unpacks it."""
    with zipfile.ZipFile(wheel) as packed:
        rows = packed.read("demo_modules-1.0.dist-info/RECORD").decode().splitlines()
        for name, digest, _ in (row.split(",") for row in rows):
            assert not digest or digest == f"sha256={_digest(packed.read(name).decode())}"
        packed.extractall(target)


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
