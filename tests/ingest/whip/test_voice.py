"""What is said to a publisher: one source of sound, whoever speaks; aiortc hears it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import numpy as np
import pytest
from aiortc import MediaStreamTrack
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.clock import NS_PER_MS, SimulatedClock, SystemClock
from haechi.base.errors import HaechiError, Invalid, Unavailable
from haechi.base.ids import CameraId
from haechi.fleet.address import parse_address
from haechi.fleet.cameras import Camera
from haechi.ingest.openers import Openers
from haechi.ingest.talk import Standing, Talk
from haechi.ingest.voice import PACKET_SAMPLES, Speaker
from haechi.ingest.whip.source import WhipOpener
from haechi.ingest.whip.voice import PublisherVoice
from haechi.media.access_unit import Codec
from haechi.media.g711 import encode
from haechi.media.rtp import RtpPacket
from haechi.media.sdp import MediaTrack
from tests.cameras import until
from tests.ingest.whip.test_whip import CAMERA, House
from tests.whip import Playing, Publisher, film, publisher

PATIENCE_S = 60.0
TONE_HZ = 1000
PCMU = MediaTrack("audio", 0, "PCMU", 8_000, 1)


class Listener:
    """A `haechi.webrtc.peer.Peer` as far as a voice sees it."""

    def __init__(self) -> None:
        self.is_connected = True
        self.is_over = False
        self.heard: list[RtpPacket] = []

    def media(self, data: bytes) -> None:
        self.heard.append(RtpPacket.parse(data))


def spoken_to(clock: SimulatedClock) -> tuple[PublisherVoice, Listener]:
    voice, listener = PublisherVoice(PCMU, clock), Listener()
    voice.lend(listener)  # type: ignore[arg-type]  # as far as it is used
    return voice, listener


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(0, 100_000)), min_size=1, max_size=6))
def test_speeches_of_many_are_one_source_whose_numbers_have_no_hole_and_whose_times_go_on(
    speeches: list[tuple[int, int]],
) -> None:
    clock = SimulatedClock()
    voice, listener = spoken_to(clock)
    for pieces, pause_ms in speeches:
        speaker = Speaker(voice)
        for _ in range(pieces):
            speaker.say(b"\xff" * PACKET_SAMPLES)
            clock.advance(20 * NS_PER_MS)
        clock.advance(pause_ms * NS_PER_MS)
    heard = listener.heard
    assert len(heard) == sum(pieces for pieces, _ in speeches)
    assert {packet.ssrc for packet in heard} == {voice.ssrc}
    steps = [(after.sequence - before.sequence) & 0xFFFF for before, after in pairwise(heard)]
    assert set(steps) <= {1}
    assert sum(packet.marker for packet in heard) == len(speeches), "the first packet of each says that it is one"
    at = 0
    for pieces, pause_ms in speeches[:-1]:
        last, first = heard[at + pieces - 1], heard[at + pieces]
        assert (first.timestamp - last.timestamp) & 0xFFFFFFFF == pytest.approx(160 + pause_ms * 8, abs=1)
        at += pieces


def test_a_voice_ends_with_the_publication() -> None:
    voice, listener = spoken_to(SimulatedClock())
    speaker = Speaker(voice)
    voice.end()
    with pytest.raises(Unavailable, match="ended while we spoke"):
        speaker.say(b"\xff" * PACKET_SAMPLES)
    assert not listener.heard


class Ear:
    """What a publisher hears, at 8 kHz."""

    def __init__(self, one: Publisher) -> None:
        self.samples = np.zeros(0, np.int16)
        self._tasks: list[asyncio.Task[None]] = []
        one.connection.addTransceiver("audio", direction="recvonly")
        one.connection.on("track", self._begin)

    def _begin(self, track: MediaStreamTrack) -> None:
        self._tasks.append(asyncio.ensure_future(self._listen(track)))

    async def _listen(self, track: MediaStreamTrack) -> None:
        while True:
            frame = await track.recv()
            samples = frame.to_ndarray().ravel()[:: frame.layout.nb_channels]  # type: ignore[union-attr]
            self.samples = np.concatenate([self.samples, samples])

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()

    def loudest_hz(self) -> float:
        spectrum = np.abs(np.fft.rfft(self.samples * np.hanning(len(self.samples))))
        return float(np.fft.rfftfreq(len(self.samples), 1 / 8_000)[spectrum.argmax()])


@asynccontextmanager
async def listening(house: House) -> AsyncIterator[tuple[Talk, Camera, Ear]]:
    """A publisher that listens, and whoever may talk to it."""
    async with house.open(), publisher() as one:
        openers = Openers(house.clock, {"whip": WhipOpener(house.publishers, house.clock)})
        talk, wish = Talk(openers, house.clock), Camera(CAMERA, "Phone", parse_address("whip:"))
        assert await talk.standing(wish) == Standing("camera-offline")
        ear = Ear(one)
        await house.published(one, Playing("video", film(), 1 / 30), audio=False)
        await until(lambda: len(house.sink.of(Codec.H264)) >= 1, PATIENCE_S)
        try:
            yield talk, wish, ear
        finally:
            ear.stop()


def tone(seconds: float) -> bytes:
    at = np.arange(int(8_000 * seconds)) / 8_000
    return encode((np.sin(2 * np.pi * TONE_HZ * at) * 12_000).astype("<i2").tobytes(), Codec.PCMU)


def test_a_publisher_hears_a_tone_that_is_said_to_its_camera() -> None:
    async def run() -> None:
        clock = SystemClock()
        async with listening(House(clock)) as (talk, wish, ear):
            assert await talk.standing(wish) == Standing()
            async with talk.voice(wish) as voice:
                speaker, said = Speaker(voice), tone(1.0)
                assert speaker.codec is Codec.PCMU
                for start in range(0, len(said), PACKET_SAMPLES):
                    speaker.say(said[start : start + PACKET_SAMPLES])
                    await clock.sleep(0.02)
            await until(lambda: len(ear.samples) >= 6_000, PATIENCE_S)
            assert ear.loudest_hz() == pytest.approx(TONE_HZ, abs=15)

    asyncio.run(run())


def test_a_publisher_that_only_sends_cannot_be_spoken_to() -> None:
    async def run() -> None:
        house = House(SystemClock())
        async with house.open(), publisher() as one:
            openers = Openers(house.clock, {"whip": WhipOpener(house.publishers, house.clock)})
            talk, wish = Talk(openers, house.clock), Camera(CameraId(CAMERA), "Phone", parse_address("whip:"))
            assert (await refused(talk, wish)).code == "camera-offline"
            await house.published(one, Playing("video", film(), 1 / 30))
            await until(lambda: len(house.sink.of(Codec.H264)) >= 1, PATIENCE_S)
            assert await talk.standing(wish) == Standing("no-back-channel")
            assert isinstance(await refused(talk, wish), Invalid)

    asyncio.run(run())


async def refused(talk: Talk, camera: Camera) -> HaechiError:
    with pytest.raises(HaechiError) as caught:
        async with talk.voice(camera):
            pass
    return caught.value
