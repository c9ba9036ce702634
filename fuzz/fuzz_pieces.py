"""Pieces of pulled streams: MPEG-TS and fragmented MP4 of others, down to units."""

from pathlib import Path
from tempfile import TemporaryDirectory

from fuzz.harness import fuzz, instrumented

with instrumented():
    from haechi.media.pieces import PieceReader

from tests.hls import streamed


def one(data: bytes) -> None:
    size = int.from_bytes(data[:2], "big")
    reader = PieceReader()
    units = reader.read(data[2 + size :], 1.0, init=data[2 : 2 + size])
    assert [unit.dts for unit in units] == sorted(unit.dts for unit in units)
    reader.read(data[2 + size :], 1.0, init=data[2 : 2 + size], is_break=True)


def seeds() -> list[bytes]:
    with TemporaryDirectory() as folder:
        ts = streamed(Path(folder, "ts"), seconds=1, fps=2)
        mp4 = streamed(Path(folder, "mp4"), seconds=1, fps=2, hls_segment_type="fmp4")
        init = Path(mp4.folder, "init.mp4").read_bytes()
        return [
            b"\0\0" + Path(ts.folder, "live0.ts").read_bytes(),
            len(init).to_bytes(2, "big") + init + Path(mp4.folder, "live0.m4s").read_bytes(),
        ]


if __name__ == "__main__":
    fuzz(one, seeds())
