"""Whether what a camera gives out of its memory is what it says; a server believes none of it."""

from __future__ import annotations

from haechi.base.errors import HaechiError, PeerError
from haechi.media import aac
from haechi.media.access_unit import AudioParams, Codec, CodecParams, VideoParams
from haechi.media.annexb import dialect_for
from haechi.media.jpeg import parse_jpeg
from haechi.media.nal import MAX_NALS_PER_UNIT, split_lengths
from haechi.media.payload.assembly import Dialect, NalKind
from haechi.media.reverse.edge import EdgeId, EdgeRun, EdgeUnit
from haechi.media.reverse.words import MOST_SETS_BYTES, Params, Unit, malformed

MOST_PARAMS = 32
"""Different parameters on one connection."""
MOST_AUDIO_BYTES = 64 * 1024


class Verifier:
    """Makes units of what was told, with parameters that are read from the parameter sets themselves."""

    def __init__(self) -> None:
        self._told: dict[bytes, Params] = {}
        self._dialects: dict[bytes, Dialect] = {}
        self._known: dict[bytes, CodecParams] = {}

    def learn(self, word: Params) -> None:
        """Take parameters in.

        Raises:
            PeerError: ``reverse-malformed``, or what is wrong with them.
        """
        if word.key in self._told:
            return
        if len(self._told) >= MOST_PARAMS or sum(map(len, word.sets)) > MOST_SETS_BYTES or not all(word.sets):
            raise malformed("the camera's memory has impossible codec parameters")
        self._told[word.key] = word
        if word.codec in (Codec.H264, Codec.H265):
            dialect = self._dialects[word.key] = dialect_for(word.codec)
            for nal in word.sets:
                dialect.add_set(nal)
        elif not word.codec.is_video:
            self._known[word.key] = _audio(word)

    def unit(self, word: Unit, data: bytes) -> EdgeUnit:
        """The unit with this head.

        Raises:
            PeerError: ``reverse-malformed``, ``bad-bitstream``: it is not what it is said to be.
        """
        told = self._told.get(word.key)
        if told is None or told.codec.is_video != (word.role == "main"):
            raise malformed("a unit of the camera's memory names parameters that were not told")
        params = self._params(told, word, data)
        return EdgeUnit(_edge(word), word.role, word.pts, word.dts, word.wall_ns, word.is_sync, params, data)

    def _params(self, told: Params, word: Unit, data: bytes) -> CodecParams:
        match told.codec:
            case Codec.H264 | Codec.H265:
                return self._of_nals(told, word, data)
            case Codec.MJPEG:
                header = parse_jpeg(data).header
                return VideoParams(Codec.MJPEG, header.width_px, header.height_px)
            case _:
                if not word.is_sync or len(data) > MOST_AUDIO_BYTES:
                    raise malformed("a unit of the camera's memory is no frame of audio")
                return self._known[told.key]

    def _of_nals(self, told: Params, word: Unit, data: bytes) -> CodecParams:
        dialect = self._dialects[told.key]
        heads: list[bytes] = []
        slices: list[bytes] = []
        is_sync = False
        for count, nal in enumerate(split_lengths(data)):
            kind = dialect.kinds[nal[0]]
            if count > 2 * MAX_NALS_PER_UNIT or len(nal) <= dialect.header_bytes:
                raise malformed("a unit of the camera's memory is no picture")
            if kind >= NalKind.SLICE:
                slices.append(nal)
                is_sync = is_sync or kind == NalKind.SYNC_SLICE
            elif kind == NalKind.HEAD:
                heads.append(nal)
        if not slices or (word.is_sync and not is_sync and not (heads and dialect.is_entry(heads, slices))):
            raise malformed("a unit of the camera's memory is no picture that it could be")
        known = self._known.get(told.key)
        if known is None or len(told.sets) > _FEW_SETS:
            known = dialect.params_for(slices[0])
            if known is None:
                raise malformed("a picture of the camera's memory lacks its parameter sets")
            self._known[told.key] = known
        return known


_FEW_SETS = 3
"""A VPS, an SPS and a PPS: there is nothing to choose from."""


def _edge(word: Unit) -> EdgeId:
    return EdgeId(EdgeRun(word.run), word.seq)


def _audio(word: Params) -> AudioParams:
    if not word.rate_hz or not word.channels:
        raise malformed("the camera's memory has impossible codec parameters")
    match word.codec:
        case Codec.AAC:
            try:
                return aac.audio_params(word.config, word.channels)
            except PeerError:
                raise
            except HaechiError as error:
                raise malformed("the camera's memory has impossible codec parameters") from error
        case Codec.OPUS:
            return AudioParams(Codec.OPUS, 48_000, word.channels, b"", "opus")
        case Codec.PCMU:
            return AudioParams(Codec.PCMU, word.rate_hz, word.channels, b"", "ulaw")
        case _:
            return AudioParams(Codec.PCMA, word.rate_hz, word.channels, b"", "alaw")
