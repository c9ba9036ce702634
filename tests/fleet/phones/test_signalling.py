"""The switchboard: who is told what, and that nobody hears what is not for them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.errors import Conflict, Invalid
from haechi.base.ids import CameraId
from haechi.fleet.phones import messages
from haechi.fleet.phones.messages import (
    Bye,
    Candidate,
    Description,
    IceCandidate,
    IceServer,
    PhoneSettings,
    PhoneState,
    SessionDescription,
    StateToldByPhone,
    parse_from_phone,
    parse_from_viewer,
    parse_hello,
    parse_state,
)
from haechi.fleet.phones.seat import BURST, MOST_WAITING, REFILL_NS, Seat
from haechi.fleet.phones.signalling import MOST_VIEWERS, Booth, Switchboard, Viewer

CAT, DOG = CameraId("cam_cat"), CameraId("cam_dog")
OFFER = SessionDescription("offer", "v=0\r\n")
ANSWER = SessionDescription("answer", "v=0\r\n")
MS = 1_000_000
ANNA = Viewer("Anna", may_speak=True)


def said(seat: Seat) -> list[dict[str, Any]]:
    """All that waits for a seat."""
    found = []
    while (text := seat.take()) is not None:
        found.append(json.loads(text))
    return found


def kinds(seat: Seat) -> list[str]:
    return [message["type"] for message in said(seat)]


class Scene:
    """A switchboard, and phones that came."""

    def __init__(self) -> None:
        self.board = Switchboard(lambda peer: (IceServer(("turn:a.example",), peer, "secret"),))
        self.cat, self.dog = self.phone(CAT), self.phone(DOG)

    def phone(self, camera: CameraId, settings: PhoneSettings | None = None) -> Seat:
        seat = seat_of()
        self.board.phone_came(camera, seat, Booth(camera.upper(), settings or PhoneSettings()), 5 * MS)
        return seat

    def viewer(self, camera: CameraId = CAT) -> tuple[str, Seat]:
        seat = seat_of()
        return self.board.viewer_came(camera, seat, ANNA, Booth("stored", PhoneSettings())), seat


def seat_of() -> Seat:
    return Seat(lambda: None)


def test_a_viewer_is_announced_and_the_offer_goes_to_nobody_else() -> None:
    scene = Scene()
    (mine, seat), (other, beside), (_, at_dog) = scene.viewer(), scene.viewer(), scene.viewer(DOG)
    assert said(scene.cat) == [
        {
            "type": "welcome",
            "camera": CAT,
            "name": "CAM_CAT",
            "settings": {"record": False, "enabled": True},
            "ice_servers": [{"urls": ["turn:a.example"], "username": CAT, "credential": "secret"}],
        },
        *(
            {
                "type": "viewer",
                "peer": peer,
                "name": "Anna",
                "may_speak": True,
                "ice_servers": [{"urls": ["turn:a.example"], "username": peer, "credential": "secret"}],
            }
            for peer in (mine, other)
        ),
    ]
    assert said(seat) == [
        {
            "type": "welcome",
            "peer": mine,
            "name": "CAM_CAT",
            "online": True,
            "since_ms": 5,
            "state": None,
            "state_ms": None,
            "may_speak": True,
            "ice_servers": [{"urls": ["turn:a.example"], "username": mine, "credential": "secret"}],
            "paired": True,
        }
    ]
    said(beside), said(at_dog), said(scene.dog)
    scene.board.phone_said(CAT, scene.cat, Description(OFFER, mine), 6 * MS)
    assert said(seat) == [
        {"type": "description", "description": {"type": "offer", "sdp": "v=0\r\n"}, "peer": mine},
    ]
    assert said(beside) + said(at_dog) + said(scene.dog) == []
    scene.board.viewer_said(CAT, mine, Description(ANSWER, other))
    assert [(one["type"], one["peer"]) for one in said(scene.cat)] == [("description", mine)]
    assert said(beside) + said(scene.dog) == []


def test_a_phone_reaches_its_own_viewers_only() -> None:
    scene = Scene()
    peer, seat = scene.viewer(CAT)
    said(seat)
    scene.board.phone_said(DOG, scene.dog, Description(OFFER, peer), 0)
    scene.board.phone_said(CAT, scene.dog, Description(OFFER, peer), 0)
    scene.board.viewer_said(DOG, peer, Bye())
    assert said(seat) == []
    assert kinds(scene.dog) == ["welcome"]
    assert scene.board.refused == 1


def test_what_a_viewer_says_before_the_offer_belongs_to_a_connection_that_is_over() -> None:
    scene = Scene()
    peer, seat = scene.viewer()
    candidate = Candidate(IceCandidate("candidate:1", "0", 0), "")
    scene.board.viewer_said(CAT, peer, candidate)
    assert kinds(scene.cat) == ["welcome", "viewer"]
    scene.board.phone_said(CAT, scene.cat, Description(OFFER, peer), 0)
    scene.board.viewer_said(CAT, peer, candidate)
    assert kinds(scene.cat) == ["candidate"]
    said(seat)
    again = scene.phone(CAT)
    assert kinds(seat) == ["offline", "online"]
    scene.board.viewer_said(CAT, peer, candidate)
    assert kinds(again) == ["welcome", "viewer"]


def test_a_second_page_of_a_phone_replaces_the_first() -> None:
    scene = Scene()
    peer, seat = scene.viewer()
    said(scene.cat), said(seat)
    second = scene.phone(CAT)
    assert said(scene.cat) == [{"type": "ended", "reason": "replaced"}]
    assert scene.cat.closing is not None
    scene.board.phone_left(CAT, scene.cat, 9 * MS)
    scene.board.phone_said(CAT, scene.cat, Description(OFFER, peer), 9 * MS)
    assert kinds(seat) == ["offline", "online"]
    assert kinds(second) == ["welcome", "viewer"]
    assert scene.board.phones == 2


def test_viewers_wait_for_a_phone_and_are_told_when_it_comes_and_goes() -> None:
    scene = Scene()
    scene.board.phone_left(CAT, scene.cat, 7 * MS)
    assert scene.board.booth(CAT) is None
    peer, seat = scene.viewer()
    waiting = said(seat)[0]
    assert (waiting["online"], waiting["name"], waiting["since_ms"]) == (False, "stored", None)
    came = scene.phone(CAT)
    assert [one.get("peer") for one in said(came)] == [None, peer]
    scene.board.phone_left(CAT, came, 8 * MS)
    assert said(seat) == [{"type": "online"}, {"type": "offline", "since_ms": 8}]
    scene.board.viewer_left(CAT, peer)
    assert scene.board.booth(CAT) is None


def test_the_state_of_a_phone_is_kept_and_shown_to_all_who_watch() -> None:
    scene = Scene()
    _, early = scene.viewer()
    said(early)
    state = PhoneState(battery=0.25, charging=True, network="wifi", can_torch=True)
    scene.board.phone_said(CAT, scene.cat, StateToldByPhone(state), 6 * MS)
    _, late = scene.viewer()
    shown = {
        "battery": 0.25,
        "charging": True,
        "network": "wifi",
        "torch": None,
        "can_torch": True,
        "muted": False,
        "facing": "environment",
        "dimmed": False,
        "hidden": False,
        "private": False,
        "loud": None,
    }
    assert said(early) == [{"type": "state", "state": shown}]
    welcome = said(late)[0]
    assert (welcome["state"], welcome["state_ms"]) == (shown, 6)


def test_a_phone_has_so_many_viewers_and_no_more() -> None:
    scene = Scene()
    peers = [scene.viewer()[0] for _ in range(MOST_VIEWERS)]
    with pytest.raises(Conflict) as refused:
        scene.viewer()
    assert refused.value.code == "too-many-viewers"
    scene.viewer(DOG)
    scene.board.viewer_left(CAT, peers[0])
    scene.viewer()
    assert scene.board.viewers == MOST_VIEWERS + 1


def test_who_leaves_is_taken_from_the_phone_once() -> None:
    scene = Scene()
    peer, seat = scene.viewer()
    said(scene.cat)
    scene.board.viewer_left(CAT, peer)
    scene.board.viewer_left(CAT, peer)
    scene.board.viewer_said(CAT, peer, Bye())
    assert said(scene.cat) == [{"type": "left", "peer": peer}]
    said(seat)
    scene.board.phone_said(CAT, scene.cat, Description(OFFER, peer), 0)
    assert said(seat) == []


def test_a_phone_that_is_unpaired_is_told_and_its_viewers_wait() -> None:
    scene = Scene()
    _, seat = scene.viewer()
    said(seat), said(scene.cat)
    scene.board.unpaired(CAT, 9 * MS)
    assert said(scene.cat) == [{"type": "ended", "reason": "unpaired"}]
    assert scene.cat.closing is not None
    assert scene.cat.closing.code == 4401
    assert kinds(seat) == ["offline", "pairing"]
    scene.board.unpaired(CAT, 10 * MS)
    assert kinds(seat) == [], "once is enough"
    scene.board.paired(CAT)
    assert said(seat) == [{"type": "pairing", "paired": True}]


def test_who_comes_to_watch_a_phone_that_was_unpaired_is_told_so() -> None:
    board = Switchboard(lambda _: ())
    stored = Booth("Cat", PhoneSettings())
    stored.is_paired = False
    seat = seat_of()
    board.viewer_came(CAT, seat, ANNA, stored)
    assert said(seat)[0]["paired"] is False
    board.phone_came(CAT, seat_of(), Booth("Cat", PhoneSettings()), MS)
    assert kinds(seat) == ["pairing", "online"]


def test_a_camera_that_is_deleted_ends_for_all() -> None:
    scene = Scene()
    _, seat = scene.viewer()
    said(seat), said(scene.cat)
    scene.board.know({DOG: ("Dog", PhoneSettings())}, 9 * MS)
    assert kinds(scene.cat) == ["ended"]
    assert kinds(seat) == ["offline", "denied"]
    assert seat.closing is not None
    assert kinds(scene.dog) == ["welcome"]


def test_what_the_owner_switches_reaches_the_phone_and_one_that_is_off_has_no_viewers() -> None:
    scene = Scene()
    peer, seat = scene.viewer()
    said(seat), said(scene.cat)
    for record, enabled in ((True, True), (True, False), (True, True)):
        scene.board.know({CAT: ("Cat", PhoneSettings(record, enabled)), DOG: ("Dog", PhoneSettings())}, 9 * MS)
    assert [(one["type"], one.get("settings")) for one in said(scene.cat)] == [
        ("settings", {"record": True, "enabled": True}),
        ("settings", {"record": True, "enabled": False}),
        ("left", None),
        ("settings", {"record": True, "enabled": True}),
        ("viewer", None),
    ]
    assert kinds(seat) == ["offline", "online"]
    scene.board.know({CAT: ("Cat", PhoneSettings(True, False)), DOG: ("Dog", PhoneSettings())}, 9 * MS)
    said(seat)
    scene.board.phone_said(CAT, scene.cat, Description(OFFER, peer), 0)
    assert said(seat) == []


def test_a_right_to_speak_that_changes_begins_the_connection_anew() -> None:
    scene = Scene()
    peer, seat = scene.viewer()
    said(scene.cat), said(seat)
    scene.board.viewer_changed(CAT, peer, ANNA)
    assert said(scene.cat) == []
    scene.board.viewer_changed(CAT, peer, Viewer("Anna", may_speak=False))
    told = said(scene.cat)
    assert [one["type"] for one in told] == ["left", "viewer"]
    assert told[1]["may_speak"] is False
    assert kinds(seat) == ["online"]


def test_who_does_not_read_is_closed_and_costs_no_memory() -> None:
    scene = Scene()
    peer, seat = scene.viewer()
    for _ in range(MOST_WAITING * 2):
        scene.board.phone_said(CAT, scene.cat, Description(OFFER, peer), 0)
    assert seat.closing is not None
    assert len(said(seat)) <= MOST_WAITING
    big = seat_of()
    large = Description(SessionDescription("offer", "x" * messages.LONGEST_SDP), "p1")
    for _ in range(40):
        big.offer(large)
    assert big.closing is not None


def test_a_page_may_say_so_much_and_no_more() -> None:
    seat = seat_of()
    assert [seat.is_heard(0) for _ in range(BURST + 1)] == [True] * BURST + [False]
    assert seat.is_heard(100 * REFILL_NS)


def test_only_what_is_known_is_passed_on() -> None:
    text = json.dumps(
        {
            "type": "candidate",
            "peer": "p1",
            "candidate": {"candidate": "candidate:1", "sdpMid": "0", "sdpMLineIndex": 0, "evil": "x"},
            "more": "y",
        }
    )
    assert parse_from_phone(text) == Candidate(IceCandidate("candidate:1", "0", 0), "p1")
    assert parse_from_viewer('{"type":"candidate","candidate":null}') == Candidate(None)
    assert json.loads(messages.encode(Candidate(None, "p1"))) == {"type": "candidate", "candidate": None, "peer": "p1"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"type":"hello"}',
        '{"type":"state","state":{"battery":2}}',
        '{"type":"description","description":{"type":"rollback","sdp":""}}',
        '{"type":"bye","reason":"' + "x" * 300 + '"}',
        '{"type":"bye","peer":"' + "x" * 70_000 + '"}',
    ],
)
def test_what_is_no_message_is_refused_without_being_repeated(text: str) -> None:
    for parse in (parse_from_phone, parse_from_viewer, parse_hello):
        with pytest.raises(Invalid) as refused:
            parse(text)
        assert refused.value.code == "bad-message"
        assert "xxx" not in str(refused.value)


@given(st.text(max_size=200) | st.recursive(st.none() | st.integers() | st.text(max_size=9), st.lists).map(json.dumps))
def test_noise_is_refused_and_nothing_else(text: str) -> None:
    for parse in (parse_from_phone, parse_from_viewer, parse_hello):
        with pytest.raises(Invalid):
            parse(text)


def test_a_state_of_another_version_is_none() -> None:
    assert parse_state(b"") is None
    assert parse_state(b'{"battery":"full"}') is None
    assert parse_state(messages.encode(PhoneState(battery=1.0))) == PhoneState(battery=1.0)
