"""Starts again on a folder that was struck, as the server would, records a little, stops, and has it judged."""

import asyncio
import os
from pathlib import Path

import msgspec

from haechi.base.errors import DataLoss, HaechiError
from haechi.record.playback.footage import Playback
from haechi.record.repair.check import CheckLevel, check
from tests.faults.judge import STRICT, Judge, Terms, Verdict
from tests.faults.ledger import Key, Ledger
from tests.faults.script import RUNS_PER_LIFE
from tests.faults.stage import Child, Hung
from tests.faults.victim import Life, Victim, main

ASKED_MOST = 6


def live(life: Life, ledger: Ledger) -> Child:
    """A life that waits to begin."""
    ledger.begin()
    return Child(lambda voice: main(life, voice))


def judged(child_life: Life, ledger: Ledger, struck: int, terms: Terms = STRICT) -> Verdict:
    """Live once more on the folder, and have everything looked at in a process of its own."""
    child = live(child_life, ledger)
    child.go()
    try:
        status = child.end()
    except Hung as hung:
        return Verdict((f"D2 the start {hung}",))
    ledger.hear(child.said)
    if status or not ledger.stopped:
        return Verdict((f"the next start failed: status {status} {ledger.notes}",))
    return looked(child_life, ledger, struck, terms)


def looked(life: Life, ledger: Ledger, struck: int, terms: Terms = STRICT) -> Verdict:
    """Have everything looked at, in a process of its own; nothing records meanwhile."""
    looker = Child(lambda voice: _look(voice, life, ledger, struck, terms))
    looker.go()
    try:
        status = looker.end()
    except Hung as hung:
        return Verdict((f"the judge {hung}",))
    if status:
        return Verdict((f"the judge failed: {looker.said[-1500:].decode(errors='replace')}",))
    return msgspec.json.decode(looker.said, type=Verdict)


def _look(voice: int, life: Life, ledger: Ledger, struck: int, terms: Terms) -> None:
    judge = Judge(life.folder, life.script, ledger, struck, terms)
    verdict = judge.look()
    said = tuple(asyncio.run(_ask(life, judge.present, struck)))
    whole = msgspec.structs.replace(verdict, violations=verdict.violations + said)
    os.write(voice, msgspec.json.encode(whole))


async def _ask(life: Life, present: set[Key], struck: int) -> list[str]:
    """The product's own word: `check` by hash finds nothing, and replays give what the judge saw."""
    victim = Victim(msgspec.structs.replace(life, migrates=False), os.open(os.devnull, os.O_WRONLY))
    broken = []
    try:
        await victim.volume.claim(victim.database, victim.clock)
        report = await check(victim.index, victim.volume, CheckLevel.HASH)
        if not report.is_sound:
            broken.append(f"D2 check: {report.issues[:3]} {report.database_is_sound}")
        playback = Playback(victim.index, victim.volume, Path(life.folder))
        runs = range(struck * RUNS_PER_LIFE, (struck + 1) * RUNS_PER_LIFE)
        keys = sorted(key for key in present if key[1] in runs)
        for stream, run, seq in keys[:: max(1, len(keys) // ASKED_MOST)]:
            try:
                units = (await playback.units(stream, run, seq, seq)).units
            except DataLoss as error:
                broken.append(f"D2 replay of {stream} {run} {seq}: {error}")
                continue
            data = next((unit.data for unit in units if unit.ref.seq == seq), b"")
            if data != life.script.payload(stream, run, seq):
                broken.append(f"D2 replay of {stream} {run} {seq} gives other bytes")
    except HaechiError as error:
        broken.append(f"D2 the product says {error.code}: {error.message}")
    finally:
        victim.database.close()
    return broken
