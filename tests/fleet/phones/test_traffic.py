"""Phones and viewers come and go in any order: viewers know whether the phone is there, and it knows who watches."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from haechi.fleet.phones.messages import Description, PhoneSettings
from haechi.fleet.phones.seat import Seat
from haechi.fleet.phones.signalling import MOST_VIEWERS, Booth, Switchboard, Viewer
from tests.fleet.phones.test_signalling import ANNA, ANSWER, CAT, MS, OFFER, said, seat_of


class Traffic(RuleBasedStateMachine):
    """Phones and viewers that come and go as they like."""

    def __init__(self) -> None:
        super().__init__()
        self.board = Switchboard(lambda _: ())
        self.phone: Seat | None = None
        self.is_on = True
        self.watching: dict[str, tuple[Seat, list[bool]]] = {}
        self.known: set[str] = set()

    def stored(self) -> Booth:
        return Booth("Cat", PhoneSettings(enabled=self.is_on))

    def one(self, number: int) -> str:
        return list(self.watching)[number % len(self.watching)] if self.watching else ""

    @rule()
    def a_phone_comes(self) -> None:
        self.phone = seat_of()
        self.known.clear()
        self.board.phone_came(CAT, self.phone, self.stored(), MS)

    @precondition(lambda self: self.phone)
    @rule()
    def the_phone_goes(self) -> None:
        assert self.phone is not None
        self.board.phone_left(CAT, self.phone, MS)
        self.phone = None
        self.known.clear()

    @precondition(lambda self: len(self.watching) < MOST_VIEWERS)
    @rule()
    def a_viewer_comes(self) -> None:
        seat = seat_of()
        peer = self.board.viewer_came(CAT, seat, ANNA, self.stored())
        self.watching[peer] = (seat, [said(seat)[0]["online"]])

    @rule(number=st.integers(0, 7), speaks=st.booleans())
    def a_viewer_may_speak_or_not(self, number: int, speaks: bool) -> None:
        self.board.viewer_changed(CAT, self.one(number), Viewer("Anna", may_speak=speaks))

    @rule(number=st.integers(0, 7))
    def a_viewer_goes(self, number: int) -> None:
        peer = self.one(number)
        self.board.viewer_left(CAT, peer)
        self.watching.pop(peer, None)

    @rule(number=st.integers(0, 7))
    def the_phone_offers(self, number: int) -> None:
        if self.phone is not None:
            self.board.phone_said(CAT, self.phone, Description(OFFER, self.one(number)), MS)

    @rule(number=st.integers(0, 7))
    def a_viewer_answers(self, number: int) -> None:
        self.board.viewer_said(CAT, self.one(number), Description(ANSWER))

    @rule(is_on=st.booleans())
    def the_camera_is_switched(self, is_on: bool) -> None:
        self.is_on = is_on
        self.board.know({CAT: ("Cat", PhoneSettings(enabled=is_on))}, MS)

    @invariant()
    def each_viewer_knows_whether_the_phone_is_there(self) -> None:
        for seat, online in self.watching.values():
            for message in said(seat):
                if message["type"] == "description":
                    assert online[-1]
                else:
                    online.append(message["type"] == "online")
            assert online[-1] == (self.phone is not None and self.is_on)

    @invariant()
    def the_phone_knows_who_watches(self) -> None:
        for message in said(self.phone) if self.phone is not None else []:
            if message["type"] == "viewer":
                assert message["peer"] not in self.known
                self.known.add(message["peer"])
            elif message["type"] == "left":
                self.known.discard(message["peer"])
            elif message["type"] == "description":
                assert message["peer"] in self.known
        assert self.known == (set(self.watching) if self.phone is not None and self.is_on else set())


TestTraffic = Traffic.TestCase
