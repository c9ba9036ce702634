"""Who may say what when."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.errors import PeerError
from haechi.media.push.dialogue import Announced, Ended, Event, Left, Packets, Requested, ServerDialogue
from haechi.media.push.wire import Frame, Kind
from haechi.media.push.words import Announce, Goodbye, Hello, Request, say


def known() -> ServerDialogue:
    dialogue = ServerDialogue()
    assert heard(dialogue, say(Hello("hpt_x"))) == [Hello("hpt_x")]
    dialogue.welcome()
    return dialogue


def playing(number: int = 1) -> ServerDialogue:
    dialogue = known()
    heard(dialogue, say(Announce("h264"), number))
    dialogue.accept(number)
    return dialogue


def heard(dialogue: ServerDialogue, data: bytes) -> list[Event]:
    return list(dialogue.feed(data))


def packets(number: int = 1) -> bytes:
    return Frame(Kind.PACKETS, b"$", number).serialise()


def test_a_stream_is_announced_asked_about_filled_and_ended() -> None:
    dialogue = known()
    assert heard(dialogue, say(Announce("h264"), 5)) == [Announced(5, Announce("h264"))]
    dialogue.accept(5)
    assert heard(dialogue, say(Request("detect"), 5) + packets(5)) == [Requested(5, "detect"), Packets(5, b"$")]
    assert heard(dialogue, Frame(Kind.END, stream=5).serialise()) == [Ended(5)]
    assert dialogue.streams == 0
    assert heard(dialogue, say(Goodbye("done"))) == [Left("done")]


@pytest.mark.parametrize(
    "first",
    [say(Announce("h264"), 1), packets(), Frame(Kind.PING).serialise(), say(Request("detect"), 1)],
    ids=["announce", "packets", "ping", "request"],
)
def test_before_the_token_nothing_is_answered(first: bytes) -> None:
    with pytest.raises(PeerError) as caught:
        heard(ServerDialogue(), first)
    assert caught.value.code == "push-out-of-turn"


def test_one_connection_tries_one_token() -> None:
    with pytest.raises(PeerError):
        heard(ServerDialogue(), say(Hello("one")) + say(Hello("two")))


@pytest.mark.parametrize("number", [0, 0x10000, 1], ids=["none", "too great", "taken"])
def test_a_number_that_a_stream_cannot_have_is_refused(number: int) -> None:
    with pytest.raises(PeerError):
        heard(playing(1), say(Announce("h264"), number))


def test_what_was_on_its_way_when_a_stream_was_refused_is_let_pass() -> None:
    dialogue = playing()
    dialogue.refuse(1)
    assert heard(dialogue, packets() + say(Request("detect"), 1) + Frame(Kind.END, stream=1).serialise()) == []


def test_what_only_a_server_says_is_refused() -> None:
    for kind in (Kind.WELCOME, Kind.ACCEPTED, Kind.RESULT, Kind.ENDED, Kind.BOUND):
        with pytest.raises(PeerError):
            heard(known(), Frame(kind).serialise())


def test_a_ping_comes_back_and_many_do_not_pile_up() -> None:
    dialogue = known()
    assert heard(dialogue, Frame(Kind.PING, b"12").serialise()) == []
    assert dialogue.pongs() == Frame(Kind.PONG, b"12").serialise()
    heard(dialogue, Frame(Kind.PING, b"x" * 64).serialise() * 1000 + Frame(Kind.PING, b"x" * 65).serialise())
    assert len(dialogue.pongs()) < 5000


WORDS = st.one_of(
    st.builds(Frame, kind=st.sampled_from(list(Kind)), body=st.binary(max_size=40), stream=st.integers(0, 3)).map(
        Frame.serialise
    ),
    st.integers(0, 3).map(lambda number: say(Announce("h264"), number)),
    st.integers(0, 3).map(lambda number: say(Request("echo"), number)),
    st.integers(0, 3).map(packets),
)


@given(st.lists(WORDS, max_size=30))
def test_whatever_is_said_packets_come_only_of_streams_that_were_accepted(words: list[bytes]) -> None:
    dialogue, open_numbers = known(), set[int]()
    with suppress(PeerError):
        for word in words:
            for event in dialogue.feed(word):
                match event:
                    case Announced(number):
                        assert number not in open_numbers
                        if number % 2:
                            dialogue.accept(number)
                            open_numbers.add(number)
                        else:
                            dialogue.refuse(number)
                    case Packets(number) | Requested(number):
                        assert number in open_numbers
                    case Ended(number):
                        open_numbers.remove(number)
                    case _:
                        pass
