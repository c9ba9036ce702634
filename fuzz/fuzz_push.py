"""The result socket: messages, their bodies, and who may say what when, on both sides."""

from contextlib import suppress

from fuzz.harness import fuzz, instrumented

with instrumented():
    from haechi.media.push.dialogue import Announced, ServerDialogue
    from haechi.media.push.wire import CLIENT_LIMITS, Deframer, Frame, Kind
    from haechi.media.push.words import KIND_OF, Announce, Box, Hello, Request, Result, read, say

from haechi.base.errors import PeerError

WORDS = {kind: word for word, kind in KIND_OF.items()}


def one(data: bytes) -> None:
    dialogue = ServerDialogue()
    with suppress(PeerError):
        list(dialogue.feed(say(Hello("hpt_x"))))
        dialogue.welcome()
        for piece in (data[:5], data[5:40], data[40:]):
            for event in dialogue.feed(piece):
                if isinstance(event, Announced):
                    dialogue.accept(event.number)
        dialogue.pongs()
    with suppress(PeerError):
        for frame in Deframer(CLIENT_LIMITS).feed(data):
            word = WORDS.get(frame.kind)
            if word is not None:
                read(frame, word)


def seeds() -> list[bytes]:
    box = Box("person", 0.5, 0.1, 0.1, 0.2, 0.2, 1)
    return [
        say(Announce("h264"), 1) + say(Request("objects"), 1) + Frame(Kind.PACKETS, b"$\0\0\1x", 1).serialise(),
        say(Result("objects", 1, 2, (box,)), 1, 1, 1),
        Frame(Kind.PING, b"x").serialise() + Frame(Kind.END, b"", 1).serialise(),
    ]


if __name__ == "__main__":
    fuzz(one, seeds())
