"""The server's side of a camera's memory: what is believed, in which portions it is kept, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from haechi.base.errors import HaechiError, PeerError
from haechi.media.access_unit import AudioParams, Codec, CodecParams
from haechi.media.reverse.edge import EdgeRun, EdgeUnit, Role
from haechi.media.reverse.recall import AUDIO_UNITS, WINDOW_BYTES, Answered, Kept, Recall, RecallEvent, Told
from haechi.media.reverse.verify import MOST_PARAMS
from haechi.media.reverse.words import (
    MOST_SETS_BYTES,
    PART_BYTES,
    Done,
    Echo,
    Grant,
    Held,
    Params,
    Part,
    Range,
    Stock,
    Unit,
    Want,
    Word,
    pack,
    params_word,
    unpack,
)
from tests.streams import CodedUnit, h264_stream, h265_stream

RUN = EdgeRun(4711)
KEY = b"k" * 16
PARAMS, UNITS = h264_stream(frames=40, gop=10)
WALL_NS = 1_763_712_000_000_000_000
ALL = (Range("main", 0, 1000), Range("audio", 0, 1000))


def head(seq: int, unit: CodedUnit, *, role: Role = "main", want: int = 1) -> Unit:
    return Unit(want, RUN, role, seq, unit.pts, unit.dts, WALL_NS + seq, unit.is_sync, KEY, len(unit.data))


def words_of(seq: int, unit: CodedUnit, *, role: Role = "main", want: int = 1) -> list[Word]:
    parts = [Part(unit.data[at : at + PART_BYTES]) for at in range(0, len(unit.data), PART_BYTES)]
    return [head(seq, unit, role=role, want=want), *parts]


def asked(ranges: tuple[Range, ...] = ALL, params: CodecParams = PARAMS) -> Recall:
    """A machine that wants something and knows the parameters."""
    recall = Recall()
    recall.want(RUN, ranges, 1000)
    recall.feed(pack(params_word(KEY, params)))
    return recall


def fed(recall: Recall, words: list[Word]) -> list[RecallEvent]:
    return [event for word in words for event in recall.feed(pack(word))]


def kept(events: list[RecallEvent]) -> list[list[EdgeUnit]]:
    return [list(event.units) for event in events if isinstance(event, Kept)]


def film(first: int, end: int) -> list[Word]:
    return [word for seq in range(first, end) for word in words_of(seq, UNITS[seq % len(UNITS)])]


def test_units_come_back_in_whole_groups_of_pictures_with_parameters_read_from_their_sets() -> None:
    recall = asked()
    told = replace(params_word(KEY, PARAMS), width_px=9, height_px=9)
    events = fed(asked(), [told, *film(0, 25), Done(1)])
    groups = kept(events)
    assert [[unit.edge.seq for unit in group] for group in groups] == [
        list(range(10)),
        list(range(10, 20)),
        list(range(20, 25)),
    ]
    assert isinstance(events[-1], Answered)
    for unit in (unit for group in groups for unit in group):
        assert unit.data == UNITS[unit.edge.seq].data
        assert unit.params == PARAMS, "not what the camera says of it"
        assert (unit.pts, unit.wall_ns) == (UNITS[unit.edge.seq].pts, WALL_NS + unit.edge.seq)
    first, grant = (unpack(word) for word in recall.to_send())
    assert first == Want(1, RUN, ALL, 1000)
    assert grant == Grant(1, WINDOW_BYTES)


def test_sound_comes_in_portions() -> None:
    params = AudioParams(Codec.OPUS, 48_000, 2, b"", "opus")
    recall = asked(params=params)
    frames = [
        word for seq in range(120) for word in words_of(seq, CodedUnit(b"%d" % seq, seq, seq, True), role="audio")
    ]
    groups = kept(fed(recall, [*frames, Done(1)]))
    assert [len(group) for group in groups] == [AUDIO_UNITS, AUDIO_UNITS, 20]
    assert groups[0][0].params == params


def test_an_echo_goes_back_at_once_and_a_stock_is_told() -> None:
    recall = Recall()
    recall.feed(pack(Echo(7)))
    assert [unpack(word) for word in recall.to_send()] == [Echo(7)]
    stock = Stock((Held(RUN, "main", 0, 5, WALL_NS, WALL_NS + 1),), 10, 20, 0)
    assert recall.feed(pack(stock)) == [Told(stock)]


def test_what_comes_of_the_want_before_is_passed_over() -> None:
    recall = asked()
    late = film(0, 12)
    assert kept(fed(recall, late[:7])) == []
    recall.want(RUN, ALL, 1000)
    assert fed(recall, [*late[7:], Done(1)]) == []
    again = [word for seq in range(10) for word in words_of(seq, UNITS[seq], want=2)]
    assert len(kept(fed(recall, [*again, Done(2)]))[0]) == 10


BAD: dict[str, list[Word]] = {
    "more than was granted": [replace(head(0, UNITS[0]), size=8 << 20), *[Part(bytes(60_000 - 1))] * 140] * 3,
    "a unit beyond what was wanted": words_of(1000, UNITS[0]),
    "a unit twice": [*words_of(3, UNITS[3]), *words_of(3, UNITS[3])],
    "backwards": [*words_of(3, UNITS[3]), *words_of(2, UNITS[2])],
    "another run": [replace(head(0, UNITS[0]), run=5)],
    "longer than it was said to be": [replace(head(0, UNITS[0]), size=5), Part(b"123456")],
    "a unit inside a unit": [head(0, UNITS[0]), head(1, UNITS[1])],
    "over in the middle of a unit": [head(0, UNITS[0]), Done(1)],
    "parameters that were not told": [replace(head(0, UNITS[0]), key=b"x" * 16), Part(UNITS[0].data)],
    "a picture as sound": words_of(0, UNITS[0], role="audio"),
    "a sync picture that is none": [replace(head(1, UNITS[1]), is_sync=True), Part(UNITS[1].data)],
    "a picture that is none": [replace(head(0, UNITS[0]), size=4), Part(b"\0\0\0\1")],
    "lengths that point beyond": [replace(head(0, UNITS[0]), size=6), Part(b"\0\0\0\x09ab")],
    "our own words": [Want(1, RUN, ALL, 5)],
    "our own grant": [Grant(1, 5)],
    "too many parameters": [replace(params_word(KEY, PARAMS), key=bytes([n]) * 16) for n in range(MOST_PARAMS + 1)],
    "parameters without end": [Params(b"z" * 16, Codec.H264, (bytes(MOST_SETS_BYTES + 1),))],
    "an empty parameter set": [Params(b"z" * 16, Codec.H264, (b"",))],
    "parameter sets of nonsense": [Params(b"z" * 16, Codec.H264, (b"\x67",))],
    "sound without a rate": [Params(b"z" * 16, Codec.PCMU, channels=1)],
    "sound of nonsense": [Params(b"z" * 16, Codec.AAC, rate_hz=8000, channels=1, config=b"\xff")],
}


@pytest.mark.parametrize("words", BAD.values(), ids=BAD.keys())
def test_a_memory_that_says_what_it_must_not_is_refused(words: list[Word]) -> None:
    recall = asked()
    with pytest.raises(PeerError):
        fed(recall, [word if not isinstance(word, Part) else Part(word.data[:59_000]) for word in words])


def test_a_picture_whose_parameter_sets_are_missing_is_refused() -> None:
    recall = asked(params=replace(PARAMS, sets=PARAMS.sets[:1]))
    with pytest.raises(PeerError):
        fed(recall, film(0, 1))


def test_h265_is_taken_too() -> None:
    params, units = h265_stream(frames=10, gop=5)
    events = fed(asked(params=params), [word for seq in range(10) for word in words_of(seq, units[seq])])
    assert kept(events)[0][0].params == params


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_noise_raises_nothing_but_what_it_is_said_to(noise: list[bytes]) -> None:
    recall = asked()
    for packet in noise:
        try:
            recall.feed(packet)
        except HaechiError:
            return


@given(st.lists(st.sampled_from([*film(0, 6), Done(1), Echo(1), params_word(KEY, PARAMS)]), max_size=40))
def test_whatever_the_order_what_is_kept_is_in_order_and_whole(words: list[Word]) -> None:
    recall = asked()
    events: list[RecallEvent] = []
    try:
        for word in words:
            events += recall.feed(pack(word))
    except PeerError:
        pass
    numbers = [unit.edge.seq for group in kept(events) for unit in group]
    assert numbers == sorted(set(numbers))
    for group in kept(events):
        assert all(unit.data == UNITS[unit.edge.seq].data for unit in group)
