"""What somebody says goes out evenly, soon, and never in a heap."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haechi.base.clock import NS_PER_S
from haechi.base.errors import Unavailable
from haechi.ingest.speech import (
    FIRST_PIECES,
    LOOK_PIECES,
    MOST_PIECES,
    PIECE_NS,
    SPARE_PIECES,
    SpeechBuffer,
    speak,
)
from haechi.ingest.voice import Speaker
from haechi.live.transcode import TABLES
from haechi.media.access_unit import Codec
from haechi.media.g711 import SILENCE, recoded
from tests.ingest.test_talk import Pausing, Tape


def piece(number: int) -> bytes:
    return bytes([number % 256]) * 160


def numbers(taken: list[bytes | None]) -> list[int]:
    return [one[0] for one in taken if one is not None]


def test_speech_begins_when_a_second_piece_is_there_and_then_every_step_has_one() -> None:
    buffer = SpeechBuffer()
    buffer.put(piece(1))
    assert buffer.take() is None
    for number in range(2, 100):
        buffer.put(piece(number))
        assert buffer.take() == piece(number - 1)
    assert (buffer.spoken, buffer.dropped, buffer.silences) == (98, 0, 0)


def test_a_single_piece_does_not_wait_for_ever() -> None:
    buffer = SpeechBuffer()
    buffer.put(piece(1))
    assert [buffer.take() for _ in range(FIRST_PIECES + 1)] == [None] * (FIRST_PIECES - 1) + [piece(1), None]


def test_a_page_that_stalls_is_silence_and_what_comes_after_it_is_spoken_in_order() -> None:
    buffer = SpeechBuffer()
    for number in range(3):
        buffer.put(piece(number))
    taken = [buffer.take() for _ in range(10)]
    assert numbers(taken) == [0, 1, 2]
    assert buffer.silences == 7
    for number in range(3, 6):
        buffer.put(piece(number))
    assert numbers([buffer.take() for _ in range(3)]) == [3, 4, 5]


def test_of_a_heap_only_the_newest_200_ms_are_spoken() -> None:
    buffer = SpeechBuffer()
    for number in range(100):
        buffer.put(piece(number))
    assert len(buffer) == MOST_PIECES
    assert buffer.dropped == 100 - MOST_PIECES
    assert buffer.take() == piece(100 - MOST_PIECES)


def test_what_lies_unused_for_a_second_is_let_go_so_that_one_is_heard_soon_again() -> None:
    buffer = SpeechBuffer()
    for number in range(MOST_PIECES):
        buffer.put(piece(number))
    for number in range(3 * LOOK_PIECES):
        buffer.take()
        buffer.put(piece(number))
    assert len(buffer) <= SPARE_PIECES + 1
    assert buffer.dropped > 0


def test_what_was_sent_before_the_end_is_still_spoken() -> None:
    buffer = SpeechBuffer()
    buffer.put(piece(7))
    buffer.finish()
    assert not buffer.is_over
    assert buffer.take() == piece(7)
    assert buffer.is_over


@settings(max_examples=60)
@given(st.lists(st.integers(0, 30), max_size=200))
def test_whatever_comes_memory_is_bounded_order_is_kept_and_nothing_is_uncounted(bunches: list[int]) -> None:
    buffer = SpeechBuffer()
    put, taken = 0, []
    for bunch in bunches:
        for _ in range(bunch):
            buffer.put(put.to_bytes(160, "big"))
            put += 1
        assert len(buffer) <= MOST_PIECES
        taken.append(buffer.take())
    heard = [int.from_bytes(one, "big") for one in taken if one is not None]
    assert heard == sorted(set(heard))
    assert put == buffer.spoken + buffer.dropped + len(buffer)
    assert len(heard) == buffer.spoken


class Late(Pausing):
    """A clock whose n-th pause takes much longer than asked for; in every pause others come to work."""

    def __init__(self, number: int = 0, seconds: float = 0.0) -> None:
        super().__init__()
        self._left = number
        self._seconds = seconds

    async def sleep(self, seconds: float) -> None:
        self._left -= 1
        await super().sleep(self._seconds if self._left == 0 else seconds)
        await asyncio.sleep(0)


def spoken(clock: Pausing, pieces: int, limit_s: float = 60.0) -> Tape:
    tape = Tape(clock)
    buffer = SpeechBuffer()

    async def feed() -> None:
        speaking = asyncio.create_task(speak(buffer, Speaker(tape), clock, limit_s=limit_s))
        while len(tape.packets) < pieces and not speaking.done():
            buffer.put(piece(len(tape.packets)))
            await asyncio.sleep(0)
        buffer.finish()
        await speaking

    asyncio.run(feed())
    return tape


def test_a_packet_goes_out_every_20_ms_with_the_time_of_its_sound() -> None:
    tape = spoken(Late(), 50)
    steps = [b - a for a, b in pairwise(tape.at_ns)]
    assert set(steps) == {PIECE_NS}
    stamps = [one.timestamp for one in tape.packets]
    assert {(b - a) % (1 << 32) for a, b in pairwise(stamps)} == {160}


def test_who_was_held_up_goes_on_from_now_and_the_camera_is_told_that_time_passed() -> None:
    tape = spoken(Late(10, 3.0), 50)
    steps = [b - a for a, b in pairwise(tape.at_ns)]
    assert max(steps) == 3 * NS_PER_S
    assert min(steps) >= 0
    assert sum(step < PIECE_NS for step in steps) <= 1, "a heap was sent to make up for it"
    stamps = [one.timestamp for one in tape.packets]
    longest = max((b - a) % (1 << 32) for a, b in pairwise(stamps))
    assert longest == pytest.approx(3 * 8_000, abs=2 * 160)


def test_nobody_speaks_for_ever() -> None:
    with pytest.raises(Unavailable) as caught:
        spoken(Late(), 1_000, limit_s=2.0)
    assert caught.value.code == "talk-too-long"


def test_a_camera_that_hears_a_law_hears_the_same_samples() -> None:
    codes = bytes(range(256))
    assert recoded(codes, Codec.PCMU) == codes
    before = TABLES[Codec.PCMU][list(codes)].astype(int)
    after = TABLES[Codec.PCMA][list(recoded(codes, Codec.PCMA))].astype(int)
    assert abs(before - after).max() <= 640, "half a step of the loudest segment"
    quiet = abs(before) < 256
    assert abs(before - after)[quiet].max() <= 16
    silent = recoded(SILENCE[Codec.PCMU], Codec.PCMA)
    assert abs(int(TABLES[Codec.PCMA][silent[0]])) <= 8
