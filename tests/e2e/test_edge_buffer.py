"""D9 with processes: the server is killed, the link is cut, and the camera's program is killed while it is cut off."""

import asyncio
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from haechi.base.ids import CameraId, StreamId, stream_of
from haechi.camera.dial.memory.segment import RunRecord, SpoolUnit, records_of
from haechi.media.access_unit import AccessUnit, Codec
from haechi.media.annexb import split_units
from haechi.media.nal import join_annexb, lengths_to_annexb
from haechi.media.reverse.edge import EdgeId, EdgeRun
from haechi.media.reverse.spans import covers
from haechi.record.index import edges
from haechi.store.database import Database
from tests.dialling import Way, a_way_to
from tests.memories import recorded
from tests.program import COMMAND, Server, environment, haechi
from tests.streams import h264_stream

PATIENCE_S = 120.0
FPS = 25
"""Of a bare stream in a file."""


def film_in(folder: Path) -> tuple[Path, list[bytes]]:
    """A file to be shown in a loop, and what its pictures are as units."""
    params, units = h264_stream(frames=300, fps=FPS, gop=25)
    stream = join_annexb(params.sets) + b"".join(lengths_to_annexb(unit.data) for unit in units)
    path = folder / "film.h264"
    path.write_bytes(stream)
    return path, [unit.data for unit in split_units(stream, Codec.H264)]


def spooled(folder: Path) -> dict[EdgeId, bytes]:
    """What lies in a camera's memory."""
    found: dict[EdgeId, bytes] = {}
    for path in sorted(folder.glob("*.spool")):
        run = EdgeRun(0)
        for record in records_of(path):
            if isinstance(record, RunRecord):
                run = record.run
            elif isinstance(record, SpoolUnit):
                found[EdgeId(run, record.seq)] = record.data
    return found


class Site:
    """A server's process, a way to it, and a camera's process behind it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.env = environment(
            folder,
            HTTP__PORT="8392",
            RECORD__MIN_FREE_BYTES="0",
            REVERSE__LISTEN="on",
            REVERSE__PORT=str(self.port),
        )
        self.server = Server(folder / "log", self.env)
        self.film, self.units = film_in(folder)
        self.spool = folder / "spool"
        self.camera = CameraId("")
        self.pin = ""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def stream(self) -> StreamId:
        return stream_of(self.camera)

    def add_camera(self) -> None:
        added = haechi("camera", "add", "reverse:", "--name", "Yard", env=self.env)
        assert added.returncode == 0, added.stderr
        camera, token = re.search(r"(cam_\w+)", added.stdout), re.search(r"(hrt_\S+)", added.stdout)
        pin = re.search(r"fingerprint +([0-9a-f]{64})", added.stdout)
        assert camera is not None
        assert token is not None
        assert pin is not None
        self.camera, self.pin = CameraId(camera[1]), pin[1]
        (self.folder / "token").write_text(token[1])

    def start_camera(self, way: Way) -> None:
        where = ["--server", f"127.0.0.1:{way.port}", "--camera", self.camera, "--pin", self.pin]
        what = ["--source", str(self.film), "--token-file", str(self.folder / "token"), "--spool-dir", str(self.spool)]
        with (self.folder / "camera.log").open("ab") as out:
            self._process = subprocess.Popen(
                [*COMMAND, "camera", "dial", *where, *what],
                env=self.env,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    async def kill_camera(self) -> None:
        assert self._process is not None
        self._process.kill()
        await asyncio.to_thread(self._process.wait)

    def close(self) -> None:
        self.server.close()
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    async def taken(self, run: EdgeRun | None = None) -> EdgeId:
        """The newest unit in the camera's memory, of a run or of any."""
        found = await asyncio.to_thread(spooled, self.spool)
        ours = [edge for edge in found if run is None or edge.run == run]
        return max(ours, key=lambda edge: edge.seq, default=EdgeId(EdgeRun(0), -1))

    async def until_taken(self, run: EdgeRun, seq: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while (await self.taken(run)).seq < seq:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.2)

    async def until_recorded(self, edge: EdgeId, first: int) -> None:
        """Wait until all units of a run from ``first`` to ``edge`` are on the server's disk."""
        database = Database.at(self.folder / "data" / "haechi.db")
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    held = await database.read(lambda c: edges.held(c, self.stream, edge.run))
                    if covers(held, first, edge.seq + 1):
                        return
                    await asyncio.sleep(0.2)
        finally:
            database.close()

    async def until_begun(self) -> EdgeRun:
        """Wait until the server has something on disk; which run it is."""
        async with asyncio.timeout(PATIENCE_S):
            while (run := (await self.taken()).run) == 0:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.2)
        return run


@pytest.mark.e2e
@pytest.mark.timeout(400)
def test_d9_nothing_is_lost_when_server_link_and_camera_program_end_one_after_the_other(tmp_path: Path) -> None:
    site = Site(tmp_path)
    try:
        before, spool = asyncio.run(_story(site))
    finally:
        site.close()
    checked = haechi("check", "--level", "hash", env=site.env)
    assert (checked.returncode, "0 issues" in checked.stdout) == (0, True), checked.stdout + checked.stderr
    found = asyncio.run(_on_disk(site))
    first = min(edge.seq for edge in found if edge.run == before)
    last = max(edge.seq for edge in spool)
    for seq in range(first, last + 1):
        assert found[EdgeId(before, seq)].data == site.units[seq % len(site.units)]
    for edge, data in spool.items():
        if edge.seq >= first:  # what was taken before the server had ever seen the camera belongs nowhere
            assert found[edge].data == data, "what was in the camera's memory is in the recording, bit for bit"
    _the_second_run_is_whole(site, found, before)


async def _story(site: Site) -> tuple[EdgeRun, Mapping[EdgeId, bytes]]:
    """What happens; the camera's first edge run, and what was in its memory when its program was killed."""
    await site.server.start()
    site.add_camera()
    async with a_way_to(site.port) as way:
        site.start_camera(way)
        run = await site.until_begun()
        await site.until_recorded(EdgeId(run, 3 * FPS), 2 * FPS)
        assert await site.server.end(signal.SIGKILL) == -signal.SIGKILL
        await site.until_taken(run, (await site.taken()).seq + 3 * FPS)
        await site.server.start()
        await site.until_recorded(await site.taken(run), 2 * FPS)
        way.cut()
        await site.until_taken(run, (await site.taken()).seq + 3 * FPS)
        await site.kill_camera()
        spool = await asyncio.to_thread(spooled, shutil.copytree(site.spool, site.folder / "spool of then"))
        site.start_camera(way)
        way.mend()
        await site.until_recorded(max(spool, key=lambda edge: edge.seq), 2 * FPS)
        second = next(edge.run for edge in await asyncio.to_thread(spooled, site.spool) if edge.run != run)
        await site.until_recorded(await site.taken(second), 2 * FPS)
        await site.kill_camera()
    assert await site.server.end() == 0
    return run, {edge: data for edge, data in spool.items() if edge.run == run}


async def _on_disk(site: Site) -> dict[EdgeId, AccessUnit]:
    database = Database.at(site.folder / "data" / "haechi.db")
    try:
        return await recorded(database, site.folder / "data" / "record", site.stream)
    finally:
        database.close()


def _the_second_run_is_whole(site: Site, found: Mapping[EdgeId, AccessUnit], before: EdgeRun) -> None:
    after = sorted(edge for edge in found if edge.run != before)
    assert len({edge.run for edge in after}) == 1
    assert [edge.seq for edge in after] == list(range(after[0].seq, after[-1].seq + 1))
    for edge in after:
        assert found[edge].data == site.units[edge.seq % len(site.units)]
    newest = max(unit.captured_ns for edge, unit in found.items() if edge.run == before)
    assert newest < min(found[edge].captured_ns for edge in after)
