"""Sound files become samples, in a process that can open nothing; what is none is said to be none."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

from haechi.base.errors import DataLoss, HaechiError, Invalid, NotFound
from haechi.vision.speech.reader import read_speech

pytestmark = pytest.mark.slow


def tone(path: Path, seconds: float = 1.0, rate_hz: int = 44_100) -> Path:
    """440 Hz on two channels."""
    at = np.arange(round(rate_hz * seconds)) / rate_hz
    one = (np.sin(2 * np.pi * 440 * at) * 12_000).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(np.stack([one, one], axis=1).tobytes())
    return path


def coded(source: Path, target: Path, codec: str, container: str) -> Path:
    with av.open(str(source)) as given, av.open(str(target), "w", format=container) as out:
        stream = out.add_stream(codec, rate=48_000)
        assert isinstance(stream, AudioStream)
        for frame in given.decode(audio=0):
            assert isinstance(frame, AudioFrame)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return target


def loudest_hz(samples: bytes) -> float:
    values = np.frombuffer(samples, np.int16).astype(float)
    spectrum = np.abs(np.fft.rfft(values * np.hanning(len(values))))
    return float(np.fft.rfftfreq(len(values), 1 / 8_000)[spectrum.argmax()])


@pytest.mark.parametrize(
    ("name", "codec", "container"),
    [("tone.wav", "", ""), ("tone.flac", "flac", "flac"), ("tone.m4a", "aac", "mp4"), ("tone.ogg", "libopus", "ogg")],
)
def test_a_sound_file_becomes_samples_at_8_khz(tmp_path: Path, name: str, codec: str, container: str) -> None:
    path = tone(tmp_path / "source.wav")
    path = coded(path, tmp_path / name, codec, container) if codec else path
    samples = asyncio.run(read_speech(path))
    assert abs(len(samples) / 2 - 8_000) < 800
    assert loudest_hz(samples) == pytest.approx(440, abs=3)


def failed(path: Path) -> HaechiError:
    with pytest.raises(HaechiError) as caught:
        asyncio.run(read_speech(path))
    return caught.value


def test_what_is_no_sound_is_told_apart(tmp_path: Path) -> None:
    missing = failed(tmp_path / "none.wav")
    assert isinstance(missing, NotFound)
    (tmp_path / "list.m3u8").write_text("#EXTM3U\nhttp://127.0.0.1:1/x.ts\n")
    unknown = failed(tmp_path / "list.m3u8")
    assert isinstance(unknown, Invalid)
    assert unknown.code == "sound-unknown"
    for data in (b"", b"#EXTM3U\nfile:///etc/hostname\n", b"ffconcat version 1.0\nfile /etc/hostname\n", bytes(5_000)):
        (tmp_path / "fake.wav").write_bytes(data)
        broken = failed(tmp_path / "fake.wav")
        assert isinstance(broken, DataLoss)
        assert broken.code == "sound-broken"
