"""G.711 coded by our own tables, against the decoder's tables and libav's coder."""

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.live.transcode import TABLES
from haechi.media.access_unit import Codec
from haechi.media.g711 import SILENCE, encode

CODECS = (Codec.PCMU, Codec.PCMA)
ALL = np.arange(-32_768, 32_768).astype(np.int16)


@pytest.mark.parametrize("codec", CODECS)
def test_what_is_decoded_and_coded_again_is_the_same_sound(codec: Codec) -> None:
    table = TABLES[codec]
    again = np.frombuffer(encode(table.tobytes(), codec), np.uint8)
    assert (table[again] == table).all()


@pytest.mark.parametrize(("codec", "name"), [(Codec.PCMU, "pcm_mulaw"), (Codec.PCMA, "pcm_alaw")])
def test_every_sample_is_coded_as_near_as_libav_codes_it(codec: Codec, name: str) -> None:
    coder = av.CodecContext.create(name, "w")
    coder.sample_rate, coder.format, coder.layout = 8_000, "s16", "mono"  # type: ignore[attr-defined]
    coder.open()
    frame = av.AudioFrame.from_ndarray(ALL.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate = 8_000
    theirs = np.frombuffer(b"".join(bytes(one) for one in coder.encode(frame)), np.uint8)  # type: ignore[attr-defined]
    ours = np.frombuffer(encode(ALL.tobytes(), codec), np.uint8)
    decoded = TABLES[codec].astype(int)
    errors = [np.abs(decoded[coded] - ALL) for coded in (ours, theirs)]
    assert errors[0].max() <= errors[1].max()
    assert (ours != theirs).mean() < 0.02, "they part at the edges between two steps only"


@pytest.mark.parametrize("codec", CODECS)
def test_silence_is_silence(codec: Codec) -> None:
    assert encode(b"\0\0", codec) == SILENCE[codec]


@given(st.binary(max_size=400), st.sampled_from(CODECS))
def test_any_bytes_are_samples_and_half_a_sample_is_none(data: bytes, codec: Codec) -> None:
    assert len(encode(data, codec)) == len(data) // 2
