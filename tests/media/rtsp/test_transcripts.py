"""What programs said to us once, said again: recorded by `tests.interop.transcripts`, named by program and version."""

import base64
import itertools
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from haechi.media import rtcp
from haechi.media.access_unit import AudioParams, Codec, RawUnit, VideoParams
from haechi.media.depacketise import codec_of, depacketiser_for
from haechi.media.rtsp.client import ClientEvent, Described, Playing, RtcpReceived, RtpReceived, RtspClient
from haechi.media.rtsp.deframer import frame

NAMES = sorted(path.stem for path in Path(__file__).with_name("transcripts").glob("*.txt"))
CAMERA = "rtsp://camera/live"


class Transcript(Struct, frozen=True):
    """A dialogue that was recorded.

    Attributes:
        asked: First lines of what we sent.
        said: All bytes of the connection that came, in order.
        datagrams: (track, is_rtcp, packet) by UDP.
        ports: Those that we offered, by track.
    """

    asked: tuple[str, ...]
    said: bytes
    datagrams: tuple[tuple[int, bool, bytes], ...]
    ports: tuple[tuple[int, int], ...]


@cache
def transcript(name: str) -> Transcript:
    lines = Path(__file__).with_name("transcripts").joinpath(f"{name}.txt").read_text().split("\n")
    asked = [line[2:] for line in lines if re.match(r"> [A-Z_]+ rtsp://", line)]
    said, block, datagrams = b"", list[str](), list[tuple[int, bool, bytes]]()
    for line in lines:
        if line.startswith("<"):
            block.append(line[2:])
            continue
        said += message(block)
        block = []
        where, _, packet = line.partition(" ")
        if line.startswith("$"):
            said += frame(int(where[1:]), base64.b64decode(packet))
        elif line.startswith("%"):
            datagrams.append((int(where[1]), where.endswith("."), base64.b64decode(packet)))
    ports = [(int(a), int(b)) for a, b in re.findall(r"(?m)^> Transport: .*client_port=(\d+)-(\d+)", "\n".join(lines))]
    return Transcript(tuple(asked), said, tuple(datagrams), tuple(ports))


def message(block: list[str]) -> bytes:
    """An answer as it came: its head, a blank line, its body."""
    if not block:
        return b""
    blank = block.index("")
    body = "".join(f"{line}\r\n" for line in block[blank + 1 :])
    head = [re.sub(r"(?i)(content-length: *).*", rf"\g<1>{len(body)}", line) for line in block[:blank]]
    return "".join(f"{line}\r\n" for line in [*head, ""]).encode() + body.encode()


class Session:
    """Our client at the other end of a transcript."""

    def __init__(self, recorded: Transcript) -> None:
        transport = "udp" if recorded.ports else "tcp"
        self.client = RtspClient(CAMERA, transport=transport, client_ports=recorded.ports)  # type: ignore[arg-type]
        self.sent = self.client.start()
        self.events: list[ClientEvent] = []

    def feed(self, data: bytes) -> None:
        self.events += self.client.feed(data)
        self.sent += self.client.to_send()

    @property
    def asked(self) -> list[str]:
        return [line for line in self.sent.decode().split("\r\n") if re.match(r"[A-Z_]+ rtsp://", line)]

    def all(self, kind: type) -> list[ClientEvent]:
        return [event for event in self.events if isinstance(event, kind)]


def packets(session: Session, recorded: Transcript) -> Iterator[tuple[int, bool, bytes]]:
    for event in session.events:
        if isinstance(event, RtpReceived | RtcpReceived):
            yield event.track_index, isinstance(event, RtcpReceived), event.data
    yield from recorded.datagrams


@pytest.mark.parametrize("name", NAMES)
def test_the_dialogue_leads_to_playing_with_the_very_same_requests(name: str) -> None:
    recorded = transcript(name)
    session = Session(recorded)
    session.feed(recorded.said)
    assert session.asked == list(recorded.asked)
    assert len(session.all(Described)) == len(session.all(Playing)) == 1
    codecs = name.split("-")[2:4]
    (playing,) = session.all(Playing)
    assert isinstance(playing, Playing)
    assert [codec_of(track).value for track in playing.tracks] == [one for one in codecs if one != "silent"]
    assert session.client.ignored_packets == 0


@pytest.mark.parametrize("name", NAMES)
def test_the_first_packets_are_whole_units_of_both_tracks(name: str) -> None:
    recorded = transcript(name)
    session = Session(recorded)
    session.feed(recorded.said)
    (playing,) = session.all(Playing)
    assert isinstance(playing, Playing)
    readers = [depacketiser_for(track) for track in playing.tracks]
    units: list[list[RawUnit]] = [[] for _ in readers]
    for track, is_rtcp, packet in packets(session, recorded):
        if is_rtcp:
            assert rtcp.parse(packet)
        else:
            units[track] += readers[track].feed_data(packet)
    assert [(reader.lost, reader.ignored) for reader in readers] == [(0, 0)] * len(readers)
    video = units[0]
    assert len(video) >= 2
    assert video[0].is_sync
    assert not any(unit.damaged for unit in video)
    assert isinstance(video[0].params, VideoParams)
    assert (video[0].params.width_px, video[0].params.height_px) == (320, 240)
    assert video[0].params.codec is Codec(name.split("-")[2])
    assert [b.rtp_ticks - a.rtp_ticks for a, b in itertools.pairwise(video)] == pytest.approx(
        [6_000] * (len(video) - 1), abs=90
    )
    for heard in units[1:]:
        assert heard
        assert isinstance(heard[0].params, AudioParams)
        assert heard[0].params.codec is Codec(name.split("-")[3])


@pytest.mark.parametrize("name", NAMES)
@given(cuts=st.lists(st.integers(1, 2_000), min_size=1, max_size=40))
@settings(max_examples=20)
def test_however_the_bytes_come_it_is_the_same_session(name: str, cuts: list[int]) -> None:
    recorded = transcript(name)
    whole, cut = Session(recorded), Session(recorded)
    whole.feed(recorded.said)
    at, number = 0, 0
    while at < len(recorded.said):
        size = cuts[number % len(cuts)]
        cut.feed(recorded.said[at : at + size])
        at, number = at + size, number + 1
    assert cut.events == whole.events
    assert cut.sent == whole.sent
