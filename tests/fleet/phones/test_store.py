"""Pairing: a code that is good once and for ten minutes, and the token that is had for it."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.clock import NS_PER_S, SimulatedClock
from haechi.base.errors import HaechiError, Invalid
from haechi.base.ids import CameraId
from haechi.fleet.cameras import CameraChange, CameraRegistry
from haechi.fleet.phones.codes import ALPHABET, LENGTH, digest_of, new_code, plain_code
from haechi.fleet.phones.messages import PhoneState
from haechi.fleet.phones.store import LIFE_NS, MOST_PAIRINGS, PhoneStore
from haechi.fleet.publishing import PublishTokens
from haechi.store.database import Database


class House:
    """Cameras, phones, time."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = SimulatedClock(5 * NS_PER_S)
        self.registry = CameraRegistry(database, self.clock)
        self.phones = PhoneStore(database, self.registry, self.clock)
        self.publishing = PublishTokens(database, self.clock)


def in_a_house(tmp_path: Path, use: Callable[[House], Coroutine[Any, Any, None]]) -> None:
    database = Database.at(tmp_path / "haechi.db")
    database.migrate()
    asyncio.run(use(House(database)))
    database.close()


async def refused(work: Coroutine[Any, Any, object]) -> str:
    with pytest.raises(HaechiError) as error:
        await work
    return error.value.code


def test_a_code_makes_one_phone_a_camera_and_is_worth_nothing_after(tmp_path: Path) -> None:
    async def use(house: House) -> None:
        pairing, code = await house.phones.begin("Cat room")
        assert (await house.phones.pairing(pairing.id)).state == "waiting"
        paired = await house.phones.pair(f" {code.lower().replace('-', ' ')} ", "Pixel")
        assert (paired.camera.name, paired.camera.address.url) == ("Cat room", "phone:")
        now = await house.phones.pairing(pairing.id)
        assert (now.state, now.camera) == ("paired", paired.camera.id)
        assert await refused(house.phones.pair(code)) == "wrong-pairing-code"
        phone = await house.phones.admits(paired.token)
        assert phone is not None
        assert phone.camera == paired.camera
        assert paired.token not in repr(paired) + repr(phone)
        assert len(await house.registry.list()) == 1

    in_a_house(tmp_path, use)


def test_of_many_phones_with_one_code_one_becomes_the_camera(tmp_path: Path) -> None:
    async def use(house: House) -> None:
        _, code = await house.phones.begin("Cat room")
        came = await asyncio.gather(*(house.phones.pair(code) for _ in range(8)), return_exceptions=True)
        assert sum(not isinstance(one, BaseException) for one in came) == 1
        assert len(await house.registry.list()) == 1

    in_a_house(tmp_path, use)


def test_a_code_is_over_after_ten_minutes_and_so_many_wait_at_most(tmp_path: Path) -> None:
    async def use(house: House) -> None:
        made = [await house.phones.begin(f"Room {number}") for number in range(MOST_PAIRINGS)]
        assert await refused(house.phones.begin("One more")) == "too-many-pairings"
        house.clock.advance(LIFE_NS)
        pairing, code = made[0]
        assert (await house.phones.pairing(pairing.id)).state == "expired"
        assert await refused(house.phones.pair(code)) == "wrong-pairing-code"
        await house.phones.begin("One more")
        house.clock.advance(2 * 24 * 3600 * NS_PER_S)
        await house.phones.begin("Later")
        assert await refused(house.phones.pairing(pairing.id)) == "pairing-not-found"

    in_a_house(tmp_path, use)


def test_a_code_survives_a_phone_that_could_not_be_added(tmp_path: Path) -> None:
    async def use(house: House) -> None:
        _, code = await house.phones.begin("\x07")
        assert await refused(house.phones.pair(code)) == "bad-camera-name"
        assert await refused(house.phones.pair(code)) == "bad-camera-name"

    in_a_house(tmp_path, use)


def test_another_phone_can_become_the_camera_and_the_first_is_one_no_longer(tmp_path: Path) -> None:
    async def use(house: House) -> None:
        first = await house.phones.pair((await house.phones.begin("Cat room"))[1])
        _, code = await house.phones.begin("Cat room", first.camera)
        second = await house.phones.pair(code)
        assert second.camera.id == first.camera.id
        assert await house.phones.admits(first.token) is None
        assert await house.phones.admits(second.token) is not None
        door = await house.registry.add("Door", "rtsp://192.0.2.1/")
        assert await refused(house.phones.begin("Door", door)) == "camera-not-a-phone"

    in_a_house(tmp_path, use)


def test_a_token_ends_with_the_pairing_and_with_the_camera(tmp_path: Path) -> None:
    async def use(house: House) -> None:
        one = await house.phones.pair((await house.phones.begin("One"))[1])
        two = await house.phones.pair((await house.phones.begin("Two"))[1])
        await house.phones.unpair(one.camera.id)
        assert await house.phones.admits(one.token) is None
        assert [bool(phone.token_sha256) for phone in await house.phones.list()] == [False, True]
        await house.registry.delete(two.camera.id)
        assert await house.phones.admits(two.token) is None
        assert await house.phones.admits("hph_" + "A" * 43) is None
        assert await house.phones.admits("x" * 100_000) is None

    in_a_house(tmp_path, use)


def test_a_phone_publishes_with_its_token_while_it_is_recorded_and_only_itself(tmp_path: Path) -> None:
    async def use(house: House) -> None:
        one = await house.phones.pair((await house.phones.begin("One"))[1])
        two = await house.phones.pair((await house.phones.begin("Two"))[1])
        digest = digest_of(one.token)
        assert not await house.publishing.admits(one.camera.id, digest)
        camera = await house.phones.record(one.camera.id, is_on=True)
        assert (camera.address.kind, camera.address.is_phone) == ("whip", True)
        assert await house.publishing.admits(one.camera.id, digest)
        assert not await house.publishing.admits(two.camera.id, digest)
        await house.phones.record(two.camera.id, is_on=True)
        assert not await house.publishing.admits(two.camera.id, digest)
        await house.phones.record(one.camera.id, is_on=False)
        assert not await house.publishing.admits(one.camera.id, digest)

    in_a_house(tmp_path, use)


def test_a_phone_stays_a_phone_and_no_other_camera_becomes_one(tmp_path: Path) -> None:
    async def use(house: House) -> None:
        phone = (await house.phones.pair((await house.phones.begin("One"))[1])).camera
        door = await house.registry.add("Door", "rtsp://192.0.2.1/")
        for work in (
            house.registry.add("Phone", "phone:"),
            house.registry.add("Phone", "phone:record"),
            house.registry.update(phone.id, CameraChange(url="rtsp://192.0.2.1/")),
            house.registry.update(door.id, CameraChange(url="phone:")),
        ):
            assert await refused(work) == "phone-is-paired"
        assert await refused(house.registry.update(phone.id, CameraChange(username="ann"))) == "bad-credentials"
        await house.registry.update(phone.id, CameraChange(name="Two"))

    in_a_house(tmp_path, use)


def test_the_state_of_a_phone_is_kept(tmp_path: Path) -> None:
    async def use(house: House) -> None:
        paired = await house.phones.pair((await house.phones.begin("One"))[1])
        state = PhoneState(battery=0.5, charging=False, network="wifi", facing="user")
        await house.phones.keep_state(paired.camera.id, state, 7)
        phone = await house.phones.phone(paired.camera)
        assert (phone.state, phone.state_ns) == (state, 7)
        await house.phones.keep_state(CameraId("cam_unknown"), state, 7)

    in_a_house(tmp_path, use)


def test_codes_have_no_letters_that_look_like_others() -> None:
    assert not set(ALPHABET) & set("B8I1O0S5Z2")
    code = new_code()
    assert len(plain_code(code)) == LENGTH
    assert len({new_code() for _ in range(50)}) == 50


@given(st.text(max_size=60))
def test_any_text_is_a_code_or_is_refused_with_an_example(text: str) -> None:
    with suppress(Invalid):
        assert set(plain_code(text)) <= set(ALPHABET)
