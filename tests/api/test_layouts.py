"""Layouts of the wall: one's own, on every device, without what one may see no more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.api.auth.users import UserChange
from haechi.api.layouts import LONGEST_NAME, MOST_PER_USER, SIZES, Layout, LayoutDraft
from haechi.base.errors import Conflict
from haechi.base.ids import CameraId, LayoutId, UserId
from tests.api.world import Browser, World


class Yard:
    """Two viewers and an administrator."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        self.door, self.yard, self.safe = (self.world.camera(name) for name in ("Door", "Yard", "Safe"))
        self.vera = self.world.user("Vera", "viewer", (self.door, self.yard))
        self.otto = self.world.user("Otto", "viewer", (self.safe,))
        self.ann = self.world.user("Ann", "admin")
        self._app = self.world.app()

    def page(self, user: UserId) -> Browser:
        return Browser(self._app, self.world.token(user))


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    made = Yard(tmp_path)
    yield made
    made.world.close()


def layouts(page: Browser) -> list[dict[str, Any]]:
    answer = page.get("/api/layouts")
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()["layouts"]
    return found


def test_a_layout_that_was_kept_is_there_on_another_device_and_for_nobody_else(yard: Yard) -> None:
    wish = {"name": " Night  shift ", "size": "9", "cameras": [yard.yard, yard.door], "focus": yard.door, "turn_s": 20}
    made = yard.page(yard.vera).ask("POST", "/api/layouts", wish)
    assert made.status_code == 201
    (there,) = layouts(yard.page(yard.vera))
    assert there == made.json()
    assert (there["name"], there["cameras"], there["focus"]) == ("Night shift", [yard.yard, yard.door], yard.door)
    assert (there["size"], there["turn_s"], there["is_default"]) == ("9", 20, False)
    one = f"/api/layouts/{there['id']}"
    for other in (yard.otto, yard.ann):
        page = yard.page(other)
        assert layouts(page) == []
        for method, body in (("GET", None), ("PUT", {"name": "Mine"}), ("DELETE", None)):
            answer = page.ask(method, one, body)
            assert (answer.status_code, answer.json()["code"]) == (404, "layout-not-found")
    page = yard.page(yard.vera)
    assert page.ask("PUT", one, {"name": "Day", "size": "auto"}).json()["cameras"] is None
    assert [row["name"] for row in layouts(page)] == ["Day"]
    assert page.ask("DELETE", one).status_code == 204
    assert layouts(page) == []


def test_a_camera_that_one_may_see_no_more_is_gone_from_the_layout(yard: Yard) -> None:
    page = yard.page(yard.vera)
    wish = {"name": "Two", "cameras": [yard.door, yard.yard], "focus": yard.door}
    made = page.ask("POST", "/api/layouts", wish).json()
    yard.world.do(yard.world.auth.users.update(yard.vera, UserChange(cameras=(yard.yard,))))
    assert (layouts(page)[0]["cameras"], layouts(page)[0]["focus"]) == ([yard.yard], None)
    yard.world.do(yard.world.registry.delete(yard.yard))
    assert page.get(f"/api/layouts/{made['id']}").json()["cameras"] == []


def test_a_camera_of_somebody_else_cannot_be_put_into_a_layout(yard: Yard) -> None:
    page = yard.page(yard.vera)
    for camera in (yard.safe, "cam_aaaaaaaaaaaaaaaa", "x"):
        for wish in ({"cameras": [yard.door, camera]}, {"focus": camera}):
            answer = page.ask("POST", "/api/layouts", {"name": "Safe", **wish})
            assert (answer.status_code, answer.json()["code"]) == (404, "camera-not-found")
    assert layouts(page) == []


def test_one_layout_at_most_is_the_default(yard: Yard) -> None:
    page = yard.page(yard.vera)
    yard.page(yard.otto).ask("POST", "/api/layouts", {"name": "His", "is_default": True})
    first = page.ask("POST", "/api/layouts", {"name": "A", "is_default": True}).json()
    page.ask("POST", "/api/layouts", {"name": "B", "is_default": True})
    assert [(row["name"], row["is_default"]) for row in layouts(page)] == [("A", False), ("B", True)]
    page.ask("PUT", f"/api/layouts/{first['id']}", {"name": "A", "is_default": True})
    assert [row["is_default"] for row in layouts(page)] == [True, False]
    assert layouts(yard.page(yard.otto))[0]["is_default"]


def test_what_makes_no_layout_is_refused_and_says_why(yard: Yard) -> None:
    page = yard.page(yard.vera)
    page.ask("POST", "/api/layouts", {"name": "Doors"})
    wishes: list[tuple[dict[str, object], int, str]] = [
        ({"name": "  DOORS "}, 409, "layout-exists"),
        ({"name": " \n "}, 422, "bad-name"),
        ({"name": "A", "cameras": [yard.door], "focus": yard.yard}, 422, "bad-layout"),
        ({"name": "A", "size": "7"}, 422, "invalid"),
        ({"name": "A", "turn_s": 2}, 422, "invalid"),
        ({"name": "A", "cameras": []}, 422, "invalid"),
        ({"name": "A", "owner": "Ann"}, 422, "invalid"),
    ]
    for wish, status, code in wishes:
        answer = page.ask("POST", "/api/layouts", wish)
        assert (answer.status_code, answer.json()["code"]) == (status, code), wish
    made = page.ask("POST", "/api/layouts", {"name": "B"}).json()
    taken = page.ask("PUT", f"/api/layouts/{made['id']}", {"name": "doors"})
    assert (taken.status_code, taken.json()["code"]) == (409, "layout-exists")
    assert page.ask("PUT", f"/api/layouts/{made['id']}", {"name": "b"}).status_code == 200


def test_there_are_only_so_many_layouts_and_they_go_with_their_user(yard: Yard) -> None:
    store = yard.world.layouts()

    async def fill() -> None:
        for number in range(MOST_PER_USER):
            await store.add(yard.otto, LayoutDraft(f"Wall {number}"))
        with pytest.raises(Conflict, match="as many layouts"):
            await store.add(yard.otto, LayoutDraft("One more"))
        await yard.world.auth.users.delete(yard.otto)
        assert await store.list(yard.otto) == []

    yard.world.do(fill())


IDS = st.sampled_from([CameraId(f"cam_{letter}") for letter in "abcdef"])


@given(cameras=st.none() | st.lists(IDS, max_size=6), focus=st.none() | IDS, visible=st.frozensets(IDS))
def test_nothing_that_may_not_be_seen_is_left_and_the_order_stays(
    cameras: list[CameraId] | None, focus: CameraId | None, visible: frozenset[CameraId]
) -> None:
    kept = None if cameras is None else tuple(cameras)
    layout = Layout("A" * LONGEST_NAME, SIZES[0], kept, focus, id=LayoutId("lay_a"), user=UserId("usr_a"), changed_ns=1)
    seen = layout.among(visible)
    assert seen.focus is None or seen.focus in visible
    assert seen.cameras == (None if kept is None else tuple(one for one in kept if one in visible))
