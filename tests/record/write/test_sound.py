"""CONTRACT S11: sound is not recorded unless it is switched on, for a camera or for all; live does not ask for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.clock import NS_PER_S, SimulatedClock
from haechi.base.errors import Invalid
from haechi.base.ids import StreamId, camera_of
from haechi.record.index.policies import Policy
from tests.record.archive import JPEG, MAIN, Archive, pictures
from tests.streams import START_NS, aac_stream, stamped

SOUND = StreamId("cam_front/audio")


def test_sound_is_recorded_only_while_it_is_switched_on(tmp_path: Path) -> None:
    clock = SimulatedClock(START_NS)
    archive = Archive(tmp_path, clock=clock)
    params, coded = aac_stream()
    heard = stamped(coded, SOUND)
    third = len(heard) // 3
    live = archive.bus.watch(SOUND)

    async def follow() -> None:
        await archive.settle()
        clock.advance(6 * NS_PER_S)
        await asyncio.sleep(0.1)

    async def play() -> None:
        async with archive:
            archive.publish(JPEG, pictures(60))
            archive.publish(params, heard[:third])
            await follow()
            await archive.index.set_policy(camera_of(SOUND), Policy(audio=True))
            await follow()
            archive.publish(params, heard[third : 2 * third])
            await follow()
            archive.recorder.defaults = Policy(audio=True)
            await archive.index.set_policy(camera_of(SOUND), Policy(audio=False))
            await follow()
            archive.publish(params, heard[2 * third :])

    asyncio.run(play())
    stored = [row for row in archive.recordings() if row.stream == SOUND]
    assert [(row.first_seq, row.last_seq) for row in stored] == [(third, 2 * third - 1)]
    assert any(row.stream == MAIN for row in archive.recordings())
    assert live.pending()
    archive.close()


@given(
    enabled=st.none() | st.booleans(),
    audio=st.none() | st.booleans(),
    by_default=st.tuples(st.booleans(), st.booleans()),
)
def test_what_a_camera_says_counts_and_where_it_is_silent_the_installation(
    enabled: bool | None, audio: bool | None, by_default: tuple[bool, bool]
) -> None:
    default = Policy(enabled=by_default[0], audio=by_default[1])
    policy = Policy(enabled=enabled, audio=audio)
    is_on = by_default[0] if enabled is None else enabled
    has_sound = by_default[1] if audio is None else audio
    assert policy.records(MAIN, default) == is_on
    assert policy.records(SOUND, default) == (is_on and has_sound)


@pytest.mark.parametrize(
    "policy",
    [Policy(continuous_days=-1), Policy(motion_days=40_000), Policy(max_bytes=0), Policy(purpose="x" * 501)],
)
def test_wishes_that_make_no_sense_are_refused(policy: Policy) -> None:
    with pytest.raises(Invalid):
        policy.check()
