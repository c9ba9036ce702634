"""What an object says of itself comes back as it was, or not at all."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from haechi.base.errors import DataLoss
from haechi.base.ids import StreamId
from haechi.record.disk.seal import DataKey
from haechi.record.tiers.manifest import FOOTER_BYTES, MARK, Entry, Manifest, decode, encode, reach

STREAM = StreamId("cam_front/main")
BODY = b"recordings in a row, each as long as it says." * 40
NUMBERS = st.integers(0, 1 << 62)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    count = draw(st.integers(1, 5))
    sizes = [draw(st.integers(2, len(BODY) // 5)) for _ in range(count)]
    times = sorted(draw(st.lists(NUMBERS, min_size=2 * count, max_size=2 * count, unique=True)))
    base, entries = 0, []
    for number, size in enumerate(sizes):
        first = draw(NUMBERS)
        entry = Entry(
            id=draw(NUMBERS),
            run=draw(NUMBERS),
            params=draw(st.integers(0, 9)),
            start_ns=times[2 * number],
            end_ns=times[2 * number + 1],
            first_seq=first,
            last_seq=first + draw(st.integers(0, 99)),
            init_bytes=draw(st.integers(1, size - 1)),
            size_bytes=size,
            base_bytes=base,
            layout=draw(st.binary(max_size=60)),
            seal=draw(st.none() | st.binary(max_size=20)),
        )
        if draw(st.booleans()):
            entry = structs.replace(entry, edge_run=draw(NUMBERS), edge_seq=draw(NUMBERS))
        entries.append(entry)
        base += size
    digest = hashlib.sha256(BODY).digest()
    return Manifest("83634701-fc2d-41d4-a00e-1c6a04220ce8", "cam/x.mp4", STREAM, len(BODY), digest, tuple(entries))


def read(data: bytes) -> Manifest | None:
    found = decode(data[-reach(data) :] if reach(data) else data, len(data))
    return found.manifest if found is not None else None


def read_or_none(data: bytes) -> Manifest | None:
    try:
        return read(data)
    except DataLoss:
        return None


@given(manifests())
def test_a_manifest_comes_back_from_the_end_of_its_object(manifest: Manifest) -> None:
    text, digest = encode(manifest)
    assert reach(text) == reach((BODY + text)[-FOOTER_BYTES:]) == len(text)
    assert read(BODY + text) == manifest
    found = decode(text, len(BODY) + len(text))
    assert found is not None
    assert found.digest == digest


def test_a_recording_whose_camera_numbers_nothing_is_told_as_before() -> None:
    entry = Entry(7, 1, 0, 5, 9, 0, 3, 2, 30, 0, b"x")
    digest = hashlib.sha256(BODY).digest()
    text, _ = encode(Manifest("v", "cam/x.mp4", STREAM, len(BODY), digest, (entry,)))
    assert b"edge" not in text
    assert entry.about == b"(1, 0, 5, 9, 0, 3, 2, 30)"


@given(manifests(), st.data())
def test_no_bit_of_it_may_differ(manifest: Manifest, data: st.DataObject) -> None:
    text = bytearray(encode(manifest)[0])
    place = data.draw(st.integers(0, len(text) - 1))
    text[place] ^= 1 << data.draw(st.integers(0, 7))
    at_end = len(text) - place <= FOOTER_BYTES  # its mark, and three bytes that mean nothing
    found = read_or_none(BODY + bytes(text))
    assert found is None or (at_end and found == manifest)


@given(manifests(), st.integers(1, 200))
def test_an_object_that_was_cut_or_grew_says_nothing_true(manifest: Manifest, count: int) -> None:
    whole = BODY + encode(manifest)[0]
    with pytest.raises(DataLoss):
        read(whole[count:])
    assert read(whole[:-count]) is None
    assert read(whole + b"?" * count) is None


@given(st.binary(max_size=300))
def test_noise_is_refused_or_says_nothing(noise: bytes) -> None:
    for data in (noise, noise + MARK, noise + bytes(FOOTER_BYTES - 8) + MARK):
        assert read_or_none(data) is None


@given(manifests(), st.sampled_from(["id", "start_ns", "size_bytes", "base_bytes", "init_bytes", "last_seq"]))
def test_what_no_index_could_list_is_refused(manifest: Manifest, name: str) -> None:
    for value in (-1, 1 << 63):
        bad = structs.replace(manifest.recordings[-1], **{name: value})
        text, _ = encode(structs.replace(manifest, recordings=(*manifest.recordings[:-1], bad)))
        with pytest.raises(DataLoss):
            read(BODY + text)


@given(st.binary(max_size=200), st.binary(max_size=50))
def test_what_is_kept_aside_opens_with_its_key_and_what_it_is_bound_to_only(plain: bytes, about: bytes) -> None:
    key = DataKey(bytes(32), STREAM)
    sealed = key.seal_aside(plain, about)
    assert key.open_aside(sealed, about) == plain
    assert key.seal_aside(plain, about) == sealed
    assert key.seal_aside(plain + b"x", about)[:12] != sealed[:12]
    assert DataKey(bytes(32), StreamId("cam_yard/main")).seal_aside(plain, about) != sealed
    for other, text, bound in (
        (DataKey(b"1" * 32, STREAM), sealed, about),
        (key, sealed, about + b"x"),
        (key, sealed[:-1] + bytes([sealed[-1] ^ 1]), about),
        (key, sealed[:20], about),
    ):
        with pytest.raises(DataLoss):
            other.open_aside(text, bound)
