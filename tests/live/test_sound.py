"""Sound over the live socket: AAC and Opus as the camera sent them, G.711 as Opus that is made once for all."""

import itertools
from collections.abc import Sequence

import pytest

from haechi.base.ids import StreamId
from haechi.bus.frames import FrameBus, Run
from haechi.live.mse import FLAG_SYNC, KIND_CHUNK, LiveHub
from haechi.media.access_unit import AccessUnit, AudioParams, Codec
from haechi.media.fmp4.reader import read_init, samples
from tests.live.test_session import QueueSocket, settle, with_session
from tests.streams import CodedUnit, aac_stream, opus_stream, pcm_stream, stamped

SOUND = StreamId("cam_a/audio")
HEADER_BYTES = 24


def heard_by(
    stream: tuple[AudioParams, Sequence[CodedUnit]], viewers: int = 1
) -> tuple[QueueSocket, list[AccessUnit], LiveHub]:
    """What ``viewers`` on one socket get of the sound of one camera."""
    params, coded = stream
    units = stamped(coded, SOUND)
    hubs = []

    async def use(bus: FrameBus, hub: LiveHub, socket: QueueSocket) -> None:
        hubs.append(hub)
        bus.channel(SOUND).open_run(Run(SOUND, 1, 0, [params]))
        for number in range(viewers):
            socket.ask(type="subscribe", id=number, camera="cam_a", stream="audio")
        await settle()
        for unit in units:
            bus.channel(SOUND).publish(unit)
            await settle()

    return with_session(use), units, hubs[0]


def chunks_of(socket: QueueSocket, viewer: int = 0) -> list[tuple[tuple[int, ...], bytes]]:
    """Headers and payloads of a viewer's chunks, the initialisation segment left out."""
    found = []
    for head, message in zip(socket.headers(), socket.chunks, strict=True):
        if head[0] == viewer and head[1] == KIND_CHUNK:
            found.append((head, message[HEADER_BYTES:]))
    return found


@pytest.mark.parametrize(("stream", "codec"), [(aac_stream(), "mp4a.40.2"), (opus_stream(), "opus")])
def test_aac_and_opus_go_as_they_are(stream: tuple[AudioParams, list[CodedUnit]], codec: str) -> None:
    socket, units, _ = heard_by(stream)
    assert socket.texts[0]["mime"] == f'audio/mp4; codecs="{codec}"'
    chunks = chunks_of(socket)
    assert [payload[payload.index(b"mdat") + 4 :] for _, payload in chunks] == [unit.data for unit in units]
    assert [head[2:] for head, _ in chunks] == [
        (FLAG_SYNC, unit.ref.run, unit.ref.seq, unit.captured_ns) for unit in units
    ]


@pytest.mark.parametrize("stream", [aac_stream(), opus_stream(), aac_stream(rate_hz=16_000)])
def test_every_piece_of_sound_ends_where_the_next_begins(stream: tuple[AudioParams, list[CodedUnit]]) -> None:
    socket, _, _ = heard_by(stream)
    times = [sample for _, payload in chunks_of(socket) for sample in samples(payload)]
    assert all(abs(a.dts + a.duration - b.dts) <= 1 for a, b in itertools.pairwise(times))


@pytest.mark.parametrize("law", ["ulaw", "alaw"])
def test_g711_comes_as_opus_under_the_name_and_stamp_of_its_units(law: str) -> None:
    socket, units, _ = heard_by(pcm_stream(50, law))
    assert socket.texts[0]["mime"] == 'audio/mp4; codecs="opus"'
    assert read_init(socket.chunks[0][HEADER_BYTES:]).params == AudioParams(Codec.OPUS, 48_000, 1)
    chunks = chunks_of(socket)
    assert [head[3:] for head, _ in chunks] == [(u.ref.run, u.ref.seq, u.captured_ns) for u in units]
    times = [sample for _, payload in chunks for sample in samples(payload)]
    assert [(sample.dts, sample.duration) for sample in times] == [(unit.dts, 1_800) for unit in units]


def test_sound_is_transcoded_once_however_many_listen_and_not_when_nobody_does() -> None:
    socket, units, hub = heard_by(pcm_stream(40, "alaw"), viewers=6)
    assert hub.stream(SOUND).made == len(units)
    first = [payload for _, payload in chunks_of(socket, 0)]
    assert all([payload for _, payload in chunks_of(socket, viewer)] == first for viewer in range(1, 6))
    _, _, silent = heard_by(pcm_stream(40, "alaw"), viewers=0)
    assert silent.stream(SOUND).made == 0


def test_g711_at_a_rate_that_opus_lacks_is_named_and_not_sent() -> None:
    params, coded = pcm_stream(5, "alaw")
    odd = AudioParams(params.codec, 11_025, 1, b"", "alaw")
    socket, _, _ = heard_by((odd, coded))
    assert [text.get("code") for text in socket.texts if text["type"] == "error"] == ["codec-not-playable"]
    assert socket.chunks == []
