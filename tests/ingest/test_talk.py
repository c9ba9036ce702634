"""What is said to a camera is what it hears: over a connection of its own, and over a line that the camera dialled."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haechi.base.clock import NS_PER_S, SystemClock
from haechi.base.errors import Denied, HaechiError, Invalid, Unavailable
from haechi.base.ids import stream_of
from haechi.camera.dial.dialler import Dialler
from haechi.camera.dial.line import Identity
from haechi.camera.virtual.ears import Ears
from haechi.camera.virtual.server import VirtualCamera
from haechi.fleet.dialling import signer
from haechi.ingest.rtsp import RtspTarget
from haechi.ingest.talk import talk_to
from haechi.ingest.voice import MOST_SPEECH_S, say
from haechi.live.transcode import TABLES
from haechi.media.access_unit import Codec
from haechi.media.rtp import RtpPacket
from haechi.media.rtsp.server import ServerPolicy
from haechi.media.sdp import MediaTrack
from tests.cameras import FastClock, StreamFeed, units_of, until
from tests.dialling import Port, end
from tests.ingest.test_rtsps import certificate
from tests.streams import h264_stream

PATIENCE_S = 60.0
WHO = ServerPolicy(username="me", password="canary-camera-password")
TONE_HZ = 440


def tone(seconds: float) -> bytes:
    """440 Hz, 8 kHz, 16 bits."""
    at = np.arange(round(8_000 * seconds)) / 8_000
    return (np.sin(2 * np.pi * TONE_HZ * at) * 12_000).astype(np.int16).tobytes()


def loudest_hz(heard: bytes, codec: Codec) -> float:
    """The frequency that is heard most."""
    samples = TABLES[codec][np.frombuffer(heard, np.uint8)].astype(float)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.fft.rfftfreq(len(samples), 1 / 8_000)[spectrum.argmax()])


def film() -> StreamFeed:
    return StreamFeed(h264_stream(frames=30, fps=15, gop=10), 30)


def target_of(camera: VirtualCamera, password: str = WHO.password) -> RtspTarget:
    is_tls = camera.url().startswith("rtsps")
    return RtspTarget(camera.url(), "127.0.0.1", camera.port, is_tls, "me", password, "auto")


@pytest.mark.parametrize("codec", [Codec.PCMU, Codec.PCMA])
def test_a_tone_is_heard_at_the_camera(codec: Codec) -> None:
    ears = Ears(codec)

    async def play() -> int:
        camera = VirtualCamera({"/main": film()}, WHO)
        camera.listen(ears)
        async with camera:
            sent = await talk_to(target_of(camera), tone(1.0), FastClock(4))
            await until(lambda: ears.packets == sent, PATIENCE_S)
            await until(lambda: camera.connections == 0, PATIENCE_S)
            return sent

    assert asyncio.run(play()) == 50
    assert len(ears.heard) == 8_000
    assert ears.lost == 0
    assert loudest_hz(bytes(ears.heard), codec) == pytest.approx(TONE_HZ, abs=2)


def test_what_was_heard_can_be_kept_as_a_file(tmp_path: Path) -> None:
    ears = Ears(Codec.PCMA)
    clock = Pausing()
    tape = Tape(clock)
    asyncio.run(say(tape, tone(0.5), clock))
    for packet in tape.packets:
        ears.take(packet.serialise())
    ears.take(b"no packet")
    ears.write(tmp_path / "heard.wav")
    with wave.open(str(tmp_path / "heard.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getnframes()) == (8_000, 1, 4_000)


def test_a_camera_behind_tls_hears_too(tmp_path: Path) -> None:
    ears = Ears()

    async def play() -> None:
        camera = VirtualCamera({"/main": film()}, WHO, tls=certificate(tmp_path))
        camera.listen(ears)
        async with camera:
            sent = await talk_to(target_of(camera), tone(0.2), FastClock(4))
            await until(lambda: ears.packets == sent, PATIENCE_S)

    asyncio.run(play())
    assert len(ears.heard) == 1_600


def refused(camera: VirtualCamera, password: str = WHO.password, samples: bytes = b"\0\0") -> HaechiError:
    async def play() -> HaechiError:
        async with camera:
            with pytest.raises(HaechiError) as caught:
                await talk_to(target_of(camera, password), samples, FastClock(4))
            return caught.value

    return asyncio.run(play())


def test_a_camera_that_takes_no_sound_says_so_and_a_wrong_password_is_one() -> None:
    deaf = refused(VirtualCamera({"/main": film()}, WHO))
    assert isinstance(deaf, Invalid)
    assert deaf.code == "no-back-channel"
    assert isinstance(refused(VirtualCamera({"/main": film()}, WHO), "wrong"), Denied)


def test_who_is_cut_off_in_the_middle_is_told() -> None:
    async def play() -> HaechiError:
        camera = VirtualCamera({"/main": film()}, WHO)
        ears = Ears()
        camera.listen(ears)
        async with camera:
            talking = asyncio.create_task(talk_to(target_of(camera), tone(300), SystemClock()))
            await until(lambda: ears.packets > 3, PATIENCE_S)
            camera.drop_connections()
            with pytest.raises(Unavailable) as caught:
                await talking
            return caught.value

    assert asyncio.run(play()).code in ("connection-lost", "camera-closed", "speech-cut")


@pytest.mark.slow
def test_a_camera_that_dialled_is_spoken_to_on_its_own_line_while_it_shows_its_picture(tmp_path: Path) -> None:
    ears = Ears()

    async def play() -> None:
        port = Port(tmp_path)
        try:
            async with port.open():
                camera, token = await port.camera()
                assert port.lines.voice(camera) is None
                taken = port.bus.record(stream_of(camera))
                device = VirtualCamera({"/main": film()}, port=None)
                device.listen(ears)
                dialler = Dialler(port.server, Identity(camera, signer(token)), device, SystemClock())
                tasks = [asyncio.create_task(device.run()), asyncio.create_task(dialler.run())]
                await until(lambda: port.lines.voice(camera) is not None, PATIENCE_S)
                voice = port.lines.voice(camera)
                assert voice is not None
                sent = await say(voice, tone(1.0), FastClock(4))
                await until(lambda: ears.packets == sent, PATIENCE_S)
                units = await units_of(taken, 60, PATIENCE_S)
                assert [unit.ref.seq for unit in units] == list(range(60)), "the picture goes on"
                await end(*tasks)
                await until(lambda: port.lines.voice(camera) is None, PATIENCE_S)
                with pytest.raises(Invalid):
                    await say(voice, tone(0.1), SystemClock())
        finally:
            port.close()

    asyncio.run(play())
    assert loudest_hz(bytes(ears.heard), Codec.PCMU) == pytest.approx(TONE_HZ, abs=2)


def test_a_camera_that_dialled_and_takes_no_sound_has_no_voice(tmp_path: Path) -> None:
    async def play() -> None:
        port = Port(tmp_path)
        try:
            async with port.open():
                camera, token = await port.camera()
                device = VirtualCamera({"/main": film()}, port=None)
                dialler = Dialler(port.server, Identity(camera, signer(token)), device, SystemClock())
                tasks = [asyncio.create_task(device.run()), asyncio.create_task(dialler.run())]
                await until(lambda: port.state(camera) == "live", PATIENCE_S)
                assert port.lines.voice(camera) is None
                await end(*tasks)
        finally:
            port.close()

    asyncio.run(play())


class Tape:
    """A voice that notes what it is to say, and when."""

    def __init__(self, clock: SystemClock, cut_after: int = 1 << 30) -> None:
        self.packets: list[RtpPacket] = []
        self.at_ns: list[int] = []
        self._clock = clock
        self._cut_after = cut_after

    @property
    def spoken(self) -> MediaTrack | None:
        return Ears().track() if len(self.packets) < self._cut_after else None

    def speak(self, packet: bytes) -> None:
        self.packets.append(RtpPacket.parse(packet))
        self.at_ns.append(self._clock.monotonic_ns())


class Pausing(SystemClock):
    """A clock on which pauses are over at once."""

    def __init__(self) -> None:
        self._now_ns = 0

    def monotonic_ns(self) -> int:
        return self._now_ns

    async def sleep(self, seconds: float) -> None:
        self._now_ns += round(seconds * NS_PER_S)


def said(samples: bytes, cut_after: int = 1 << 30) -> tuple[Tape, Sequence[int]]:
    clock = Pausing()
    tape = Tape(clock, cut_after)
    asyncio.run(say(tape, samples, clock))
    return tape, tape.at_ns


@settings(max_examples=30)
@given(st.binary(max_size=8_000))
def test_whatever_is_said_is_said_in_order_at_its_time_and_in_whole_packets(samples: bytes) -> None:
    tape, at_ns = said(samples)
    count = -(-(len(samples) // 2) // 160)
    assert [len(one.payload) for one in tape.packets] == [160] * count
    assert list(at_ns) == [round(number * 0.02 * NS_PER_S) for number in range(count)]
    first = tape.packets[0] if tape.packets else None
    for number, one in enumerate(tape.packets):
        assert first is not None
        assert (one.sequence - first.sequence) % 65_536 == number
        assert (one.timestamp - first.timestamp) % (1 << 32) == 160 * number
        assert (one.payload_type, one.ssrc) == (0, first.ssrc)


def test_a_voice_that_fails_is_noticed_and_speech_has_an_end() -> None:
    with pytest.raises(Unavailable) as caught:
        said(tone(1.0), cut_after=3)
    assert caught.value.code == "speech-cut"
    with pytest.raises(Invalid) as too_long:
        said(b"\0\0" * (8_000 * MOST_SPEECH_S + 1))
    assert too_long.value.code == "speech-too-long"
