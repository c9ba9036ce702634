"""What a worker says of where something moved: told of every picture that is judged, believed where it was asked."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from msgspec import structs

from haechi.base.clock import NS_PER_S, SimulatedClock
from haechi.media.access_unit import Codec, VideoParams
from haechi.store.database import Database
from haechi.vision.activity import ActivityStore
from haechi.vision.feed import Demand, FeedSettings, StreamFeed
from haechi.vision.lane import Lane
from haechi.vision.result import CELLS_BYTES, Moved
from haechi.vision.search import Wish
from tests.record.archive import MAIN, pictures
from tests.vision.scenes import STREAM, running, visitor


def test_what_a_worker_was_not_asked_or_what_cannot_be_true_is_not_believed() -> None:
    lane = Lane(MAIN, StreamFeed(FeedSettings(), lambda _: False))
    (unit,) = pictures(1)
    plan = lane.feed.take(unit, VideoParams(Codec.MJPEG, 64, 48), is_ready=True)
    assert plan is not None
    lane.add(plan, 0)
    true = Moved(unit.ref, unit.captured_ns, 0.5, bytes(CELLS_BYTES))
    assert lane.judged([true]) == ()
    lane.take(0)
    lies = [
        structs.replace(true, ref=structs.replace(unit.ref, seq=7)),
        structs.replace(true, captured_ns=unit.captured_ns + 1),
        structs.replace(true, share=1.5),
        structs.replace(true, share=float("nan")),
        structs.replace(true, cells=bytes(CELLS_BYTES + 1)),
    ]
    assert lane.judged([*lies, true, structs.replace(true, cells=b"")]) == (true, structs.replace(true, cells=b""))


@pytest.mark.slow
def test_a_visitor_is_found_where_they_walked_also_where_no_rule_asks_for_anything(tmp_path: Path) -> None:
    params, units = visitor()
    database = Database.at(tmp_path / "haechi.db")
    database.migrate()
    store = ActivityStore(database, SimulatedClock(units[0].captured_ns))
    told: list[Moved] = []

    async def play() -> None:
        async with running() as rig:
            rig.pool.on_moved(told.append)
            rig.pool.on_moved(store.note)
            rig.pool.demand(STREAM, Demand.SYNC)
            rig.open(params)
            await rig.play(units)
            await rig.settle()
            totals = rig.bus.ledger.totals(STREAM)
            syncs = [unit.ref for unit in units if unit.is_sync]
            assert [one.ref for one in told] == syncs
            assert totals.decoded == len(syncs)
            assert totals.motion > 10
            assert totals.score > 127
        await store.flush()

    asyncio.run(play())
    middle = ((0.3, 0.2), (0.6, 0.2), (0.6, 0.9), (0.3, 0.9))
    corner = ((0.0, 0.0), (0.15, 0.0), (0.15, 0.15), (0.0, 0.15))
    start_ns, end_ns = units[0].captured_ns, units[-1].captured_ns + NS_PER_S

    async def hits(region: tuple[tuple[float, float], ...]) -> list[float]:
        found = [one async for one in store.search(STREAM, start_ns, end_ns, Wish(region, min_cells=4))]
        return [(hit.start_ns - start_ns) / NS_PER_S for one in found for hit in one.hits]

    (first,) = asyncio.run(hits(middle))
    assert 2 <= first <= 6
    assert asyncio.run(hits(corner)) == []
    database.close()
