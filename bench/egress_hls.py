"""Viewers by Low-Latency HLS for `bench.egress`: N players. Each reloads the playlist of the pictures, blocking, and
takes each part by its hint, over connections of its own that stay.

    python -m bench.egress_hls --address 127.0.0.1:8300 --cookie NAME=VALUE --camera cam_… --count 20
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys

import httpx2
import uvloop

HINT = re.compile(r'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="([^"]+)"')
SEQUENCE = re.compile(r"#EXT-X-MEDIA-SEQUENCE:(\d+)")
START_S = 30.0


class Counts:
    """What all players got since the last mark. ``lost`` counts parts that did not come."""

    def __init__(self) -> None:
        self.parts = self.lost = self.pictures = 0


class Player:
    """One viewer."""

    def __init__(self, http: httpx2.AsyncClient, camera: str, counts: Counts) -> None:
        self._http = http
        self._folder = f"/{camera}/hls/main"
        self._counts = counts
        self.began = asyncio.Event()

    async def play(self) -> None:
        """Play until cancelled."""
        text = (await self._http.get(f"{self._folder}/video.m3u8")).raise_for_status().text
        while True:
            hint = HINT.search(text)
            if hint is None:
                raise SystemExit("the playlist has no hint: is the stream too slow for parts?")
            msn, part = _next(text)
            query = f"_HLS_msn={msn}&_HLS_part={part}&_HLS_skip=YES"
            reload = self._http.get(f"{self._folder}/video.m3u8?{query}")
            taken, told = await asyncio.gather(self._http.get(f"{self._folder}/{hint[1]}"), reload)
            self._count(taken)
            text = told.raise_for_status().text
            self.began.set()

    def _count(self, answer: httpx2.Response) -> None:
        if answer.status_code != 200:
            self._counts.lost += 1
            return
        self._counts.parts += 1
        self._counts.pictures += answer.content.count(b"mfhd\0\0\0\0")


def _next(text: str) -> tuple[int, int]:
    """Media sequence number of the segment that grows, and how many parts it has."""
    first = SEQUENCE.search(text)
    skipped = re.search(r"SKIPPED-SEGMENTS=(\d+)", text)
    closed = text.count("#EXTINF:") + (int(skipped[1]) if skipped else 0)
    growing = text.rpartition("#EXTINF:")[2]
    return (int(first[1]) if first else 0) + closed, growing.count("#EXT-X-PART:")


async def run(address: str, cookie: str, camera: str, count: int) -> None:
    """Play, and answer on stdout as `bench.egress` asks."""
    counts = Counts()
    async with asyncio.TaskGroup() as group:
        players, tasks = [], []
        for _ in range(count):
            http = httpx2.AsyncClient(base_url=f"http://{address}", headers={"Cookie": cookie}, timeout=START_S)
            player = Player(http, camera, counts)
            players.append(player)
            tasks.append(group.create_task(player.play()))
        for player in players:
            await asyncio.wait_for(player.began.wait(), START_S)
        print("ready", flush=True)
        while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
            if line == "mark":
                counts.parts = counts.lost = counts.pictures = 0
            elif line == "tell":
                print(counts.parts, counts.lost, counts.pictures, flush=True)
        for task in tasks:
            task.cancel()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--cookie", required=True)
    parser.add_argument("--camera", required=True)
    parser.add_argument("--count", type=int, required=True)
    args = parser.parse_args()
    uvloop.run(run(args.address, args.cookie, args.camera, args.count))


if __name__ == "__main__":
    main()
