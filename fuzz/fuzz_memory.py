"""What a camera says of its memory: words, units, marks, acknowledgements."""

from fuzz.harness import fuzz, instrumented

with instrumented():
    from haechi.media.access_unit import Codec, VideoParams
    from haechi.media.reverse.acknowledge import parse_acknowledgement
    from haechi.media.reverse.edge import EdgeId, EdgeMark, EdgeRun
    from haechi.media.reverse.mark import OUR_NUMBERS, Marks, extended, mark_extension
    from haechi.media.reverse.recall import Recall
    from haechi.media.reverse.words import Done, Echo, Held, Part, Range, Stock, Unit, pack, params_word

from haechi.base.errors import PeerError

_KEY = b"k" * 16
_RUN = EdgeRun(1)
_SETS = VideoParams(Codec.H264, 0, 0, (bytes.fromhex("6764001facd9405005bb0110"), b"\x68\xeb\xe3\xcb"))


def one(data: bytes) -> None:
    marks = Marks(OUR_NUMBERS)
    marks.note(data)
    marks.note(extended(bytes(12), data))
    marks.of(0)
    parse_acknowledgement(data)
    recall = Recall()
    recall.want(_RUN, [Range("main", 0, 100), Range("audio", 0, 100)], 1000)
    position = 0
    try:
        while position + 2 <= len(data):
            size = int.from_bytes(data[position : position + 2], "big")
            recall.feed(data[position + 2 : position + 2 + size])
            position += 2 + size
    except PeerError:
        return


def seeds() -> list[bytes]:
    unit = Unit(1, _RUN, "main", 0, 0, 0, 0, True, _KEY, 8)
    words = [
        pack(Stock((Held(_RUN, "main", 0, 9, 0, 1),), 1, 2, 3)),
        pack(params_word(_KEY, _SETS)),
        pack(unit),
        pack(Part(b"\0\0\0\4\x65\x88\x80\x10")),
        pack(Echo(1)),
        pack(Done(1)),
    ]
    framed = b"".join(len(word).to_bytes(2, "big") + word for word in words)
    mark = mark_extension(EdgeMark(EdgeId(_RUN, 5), 1))
    return [framed, extended(bytes(12), mark), mark, b"haechi-held: main 1 0-5,7-9\r\n"]


if __name__ == "__main__":
    fuzz(one, seeds())
