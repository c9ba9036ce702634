"""What is said to lie on a volume is what its rows say, whatever is done to them."""

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from haechi.record.index.totals import Total, count_again, counted, differing, kept
from haechi.record.repair.check import CheckLevel, Issue, check
from haechi.record.tables import recordings, stored
from haechi.record.tiers.report import held, waiting
from haechi.store.database import Database
from tests.record.archive import _empty_database
from tests.record.tiers.stage import Stage

VOLUMES = ("near", "far", "farther")
STEPS = st.lists(
    st.tuples(st.sampled_from(("add", "grow", "move", "go", "rename")), st.integers(0, 20), st.integers(0, 2)),
    max_size=30,
)


def row(number: int, volume: str) -> dict[str, object]:
    times: dict[str, object] = {"start_ns": number * 10, "end_ns": number * 10 + 10, "first_seq": 0, "last_seq": 9}
    sizes: dict[str, object] = {"init_bytes": 1, "size_bytes": 100 + number}
    names: dict[str, object] = {"volume": volume, "stream": "cam_front/main", "path": f"{number}.mp4"}
    same: dict[str, object] = {"id": number, "run": 1, "params": 0, "is_open": False}
    return same | names | times | sizes


def play(connection: Connection, steps: list[tuple[str, int, int]]) -> None:
    for what, number, choice in steps:
        mine = recordings.c.id == number
        is_there = connection.execute(sa.select(recordings.c.id).where(mine)).first() is not None
        if what == "add" and not is_there:
            connection.execute(recordings.insert().values(row(number, VOLUMES[choice])))
        elif what == "grow":
            grown = recordings.update().where(mine).values(size_bytes=recordings.c.size_bytes + choice)
            connection.execute(grown)
        elif what == "move":
            connection.execute(recordings.update().where(mine).values(volume=VOLUMES[choice], size_bytes=50 + number))
        elif what == "go":
            connection.execute(recordings.delete().where(mine))
        elif what == "rename":
            connection.execute(recordings.update().where(mine).values(path=f"other-{number}.mp4"))


@settings(max_examples=20, deadline=None)
@given(STEPS)
def test_sums_follow_every_change(tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]) -> None:
    path = tmp_path_factory.mktemp("totals") / "haechi.db"
    path.write_bytes(_empty_database())
    database = Database.at(path)

    def work(connection: Connection) -> None:
        play(connection, steps)
        assert kept(connection) == counted(connection)
        assert differing(connection) == {}
        for volume, one in held(connection).items():
            mine = [one for one in connection.execute(sa.select(recordings)) if one.volume == volume]
            assert (one.recordings, one.bytes) == (len(mine), sum(row.size_bytes for row in mine))
            assert (one.oldest_ns, one.newest_ns) == (min(r.start_ns for r in mine), max(r.end_ns for r in mine))
        due = [r for r in connection.execute(sa.select(recordings)) if r.end_ns <= 100 and r.volume != "farther"]
        first_ns = min((r.start_ns for r in due), default=None)
        assert waiting(connection, VOLUMES[:2], 100) == (sum(r.size_bytes for r in due), first_ns)

    database.write_now(work)
    database.close()


def _checked(stage: Stage, *, repair: bool) -> list[Issue]:
    return list(asyncio.run(check(stage.index, stage.first, CheckLevel.PRESENCE, repair=repair)).issues)


def test_sums_that_are_wrong_are_found_and_put_right(tmp_path: Path) -> None:
    stage = Stage(tmp_path, minutes=4)
    true = stage.database.read_now(counted)
    assert stage.database.read_now(kept) == true
    stage.database.write_now(lambda c: c.execute(stored.update().values(bytes=stored.c.bytes - 7)))
    report = _checked(stage, repair=False)
    assert [issue.kind for issue in report] == ["totals"]
    assert [issue.kind for issue in _checked(stage, repair=True)] == ["totals"]
    assert _checked(stage, repair=False) == []
    assert stage.database.read_now(kept) == true
    stage.database.write_now(lambda c: c.execute(stored.insert().values(volume="none", recordings=1, bytes=1)))
    assert stage.database.read_now(differing) == {"none": (Total(1, 1), Total())}
    stage.database.write_now(count_again)
    assert stage.database.read_now(differing) == {}
    stage.close()
