"""Users, sessions, passwords and the set-up token, over a real database."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from haechi.api.auth.log_in import Attempt
from haechi.api.auth.passwords import Passwords, require_good_password, strong_hasher
from haechi.api.auth.sessions import IDLE_NS, LIFETIME_NS
from haechi.api.auth.tokens import csrf_of
from haechi.api.auth.users import UserChange
from haechi.api.services import Auth
from haechi.base.clock import NS_PER_S, SimulatedClock
from haechi.base.errors import Conflict, Denied, Invalid, NotFound, Unavailable
from haechi.base.ids import CameraId, UserId
from haechi.store.database import Database

GOOD = "correct horse battery"


class House:
    """A database, a clock and everything about users over them."""

    def __init__(self, folder: Path) -> None:
        self.clock = SimulatedClock()
        self.database = Database.at(folder / "haechi.db")
        self.database.migrate()
        weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        self.auth = Auth.over(self.database, self.clock, Passwords(weak))

    async def user(self, name: str = "Bob", role: str = "admin") -> UserId:
        hashed = await self.auth.passwords.hash(GOOD)
        return (await self.auth.users.add(name, hashed, "admin" if role == "admin" else "viewer")).id


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.auth.passwords.close()
    house.database.close()


def test_the_set_up_token_makes_one_administrator_and_is_void_after(house: House) -> None:
    async def scenario() -> None:
        token = await house.auth.setup.issue()
        assert len(token) >= 22
        with pytest.raises(Denied, match="not valid"):
            await house.auth.setup.redeem(token + "x", "Bob", "hash")
        user = await house.auth.setup.redeem(token, "  Bob  ", "hash")
        assert (user.name, user.role) == ("Bob", "admin")
        with pytest.raises(Conflict, match="already set up"):
            await house.auth.setup.redeem(token, "Eve", "hash")
        with pytest.raises(Conflict, match="already set up"):
            await house.auth.setup.issue()

    asyncio.run(scenario())


def test_a_set_up_token_ends_after_a_day_and_when_a_newer_one_is_issued(house: House) -> None:
    async def scenario() -> None:
        old = await house.auth.setup.issue()
        new = await house.auth.setup.issue()
        with pytest.raises(Denied):
            await house.auth.setup.check(old)
        await house.auth.setup.check(new)
        house.clock.advance(25 * 3600 * NS_PER_S)
        with pytest.raises(Denied):
            await house.auth.setup.redeem(new, "Bob", "hash")

    asyncio.run(scenario())


def test_two_who_redeem_at_once_get_one_administrator(house: House) -> None:
    async def scenario() -> None:
        token = await house.auth.setup.issue()
        tries = [house.auth.setup.redeem(token, f"user {n}", "hash") for n in range(8)]
        results = await asyncio.gather(*tries, return_exceptions=True)
        assert sum(not isinstance(result, BaseException) for result in results) == 1
        assert len(await house.auth.users.list()) == 1

    asyncio.run(scenario())


def test_the_database_holds_no_token_and_no_password(house: House, tmp_path: Path) -> None:
    async def scenario() -> list[str]:
        setup = await house.auth.setup.issue()
        user = await house.user()
        session = await house.auth.sessions.create(user)
        device = await house.auth.sessions.know_device(user)
        return [setup, session, device, GOOD, csrf_of(session)]

    secrets = asyncio.run(scenario())
    house.database.close()
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"$argon2id$" in stored
    assert not [secret for secret in secrets if secret.encode() in stored]


def test_a_session_ends_when_idle_when_old_and_when_revoked(house: House) -> None:
    async def scenario() -> None:
        sessions = house.auth.sessions
        user = await house.user()
        token = await sessions.create(user)
        for _ in range(4):
            house.clock.advance(IDLE_NS - NS_PER_S)
            assert await sessions.find(token) is not None
        house.clock.advance(LIFETIME_NS - 4 * (IDLE_NS - NS_PER_S) + NS_PER_S)
        assert await sessions.find(token) is None
        idle = await sessions.create(user)
        house.clock.advance(IDLE_NS + NS_PER_S)
        assert await sessions.find(idle) is None
        gone = await sessions.create(user)
        principal = await sessions.find(gone)
        assert principal is not None
        await sessions.revoke(principal.session)
        assert await sessions.find(gone) is None
        assert await sessions.still(principal) is None

    asyncio.run(scenario())


def test_what_is_no_token_finds_nobody(house: House) -> None:
    async def scenario() -> None:
        for text in ("", "x" * 5000, "\ud800", "' OR 1=1 --", "a\0b"):
            assert await house.auth.sessions.find(text) is None
            assert not await house.auth.sessions.knows_device(text, UserId("usr_x"))

    asyncio.run(scenario())


def test_the_last_administrator_stays_one(house: House) -> None:
    async def scenario() -> None:
        users = house.auth.users
        bob = await house.user("Bob")
        await house.user("Vera", "viewer")
        with pytest.raises(Conflict, match="last administrator"):
            await users.delete(bob)
        with pytest.raises(Conflict, match="last administrator"):
            await users.update(bob, UserChange(role="viewer"))
        ann = await house.user("Ann")
        await users.delete(bob)
        with pytest.raises(Conflict, match="last administrator"):
            await users.delete(ann)
        with pytest.raises(NotFound):
            await users.get(bob)

    asyncio.run(scenario())


def test_names_are_unique_whatever_their_case_or_spaces(house: House) -> None:
    async def scenario() -> None:
        await house.user("Straße 1")
        with pytest.raises(Conflict, match="taken"):
            await house.user(" STRASSE   1 ")
        for bad in ("", "   ", "a\0b", "x" * 65, "a\u202eb"):
            with pytest.raises(Invalid):
                await house.user(bad)

    asyncio.run(scenario())


def test_a_new_password_ends_the_other_sessions_and_forgets_the_devices(house: House) -> None:
    async def scenario() -> None:
        auth = house.auth
        bob = await house.user()
        mine, other = await auth.sessions.create(bob), await auth.sessions.create(bob)
        device = await auth.sessions.know_device(bob)
        principal = await auth.sessions.find(mine)
        assert principal is not None
        await auth.users.update(bob, UserChange(password_hash="new"), keep_session=principal.session)
        assert await auth.sessions.find(mine) is not None
        assert await auth.sessions.find(other) is None
        assert not await auth.sessions.knows_device(device, bob)

    asyncio.run(scenario())


def test_grants_are_read_at_each_request_and_go_with_the_camera(house: House) -> None:
    async def scenario() -> None:
        auth, one, two = house.auth, CameraId("cam_one"), CameraId("cam_two")
        vera = await house.user("Vera", "viewer")
        token = await auth.sessions.create(vera)
        await auth.users.update(vera, UserChange(cameras=(two, one, two)))
        principal = await auth.sessions.find(token)
        assert principal is not None
        assert principal.visible() == (one, two)
        assert principal.may_view(one)
        await auth.users.forget_camera(one)
        now = await auth.sessions.still(principal)
        assert now is not None
        assert not now.may_view(one)
        assert now.may_view(two)

    asyncio.run(scenario())


def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(house: House) -> None:
    async def scenario() -> None:
        await house.user("Bob")
        messages = set()
        for name, password in (("Bob", "wrong password"), ("Nobody", GOOD), ("bob", "")):
            with pytest.raises(Denied) as caught:
                await house.auth.log_in.attempt(Attempt(name, password, "10.0.0.1"))
            messages.add((caught.value.code, caught.value.message))
        assert len(messages) == 1
        assert await house.auth.log_in.attempt(Attempt(" BOB ", GOOD, "10.0.0.1"))

    asyncio.run(scenario())


def test_an_account_is_throttled_from_whatever_address_known_or_not(house: House) -> None:
    async def scenario() -> None:
        await house.user("Bob")
        for name in ("Bob", "Nobody"):
            for number in range(5):
                with pytest.raises(Denied):
                    await house.auth.log_in.attempt(Attempt(name, "wrong", f"10.0.1.{number}"))
            with pytest.raises(Unavailable) as caught:
                await house.auth.log_in.attempt(Attempt(name, GOOD, "10.0.2.1"))
            assert caught.value.code == "throttled"
            assert caught.value.context["retry_after_s"] == 241
        house.clock.advance(241 * NS_PER_S)
        assert await house.auth.log_in.attempt(Attempt("Bob", GOOD, "10.0.2.1"))

    asyncio.run(scenario())


def test_strangers_cannot_lock_the_owner_out_of_a_known_device(house: House) -> None:
    async def scenario() -> None:
        bob = await house.user("Bob")
        device = await house.auth.sessions.know_device(bob)
        for number in range(5):
            with pytest.raises(Denied):
                await house.auth.log_in.attempt(Attempt("Bob", "wrong", f"10.0.1.{number}"))
        with pytest.raises(Unavailable):
            await house.auth.log_in.attempt(Attempt("Bob", GOOD, "10.0.0.9", "not a device"))
        assert await house.auth.log_in.attempt(Attempt("Bob", GOOD, "10.0.0.9", device)) == bob

    asyncio.run(scenario())


def test_an_address_is_throttled_whatever_names_it_tries(house: House) -> None:
    async def scenario() -> None:
        for number in range(20):
            with pytest.raises(Denied):
                await house.auth.log_in.attempt(Attempt(f"user {number}", "wrong", "10.0.0.1"))
        with pytest.raises(Unavailable):
            await house.auth.log_in.attempt(Attempt("one more", "wrong", "10.0.0.1"))
        with pytest.raises(Denied):
            await house.auth.log_in.attempt(Attempt("one more", "wrong", "10.0.0.2"))

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "password",
    [
        "tiny",
        "1234567890",
        "PASSWORD123!",
        "aaaaaaaaaaaa",
        "abcdefghij",
        "Vera Vera1234",
        "veraveraveravera",
        "x" * 300,
    ],
)
def test_weak_passwords_are_refused_with_a_reason(password: str) -> None:
    with pytest.raises(Invalid) as caught:
        require_good_password(password, "Vera Vera" if " " in password else "vera")
    assert caught.value.code == "weak-password"
    assert password not in str(caught.value)


@pytest.mark.parametrize("password", [GOOD, "9 개의 작은 별들이", "kV8#pq2!xW", "vera likes tea"])
def test_other_passwords_are_taken(password: str) -> None:
    require_good_password(password, "vera")


def test_the_real_hasher_is_argon2id_with_at_least_the_recommended_cost() -> None:
    hashed = strong_hasher().hash(GOOD)
    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert strong_hasher().verify(hashed, GOOD)
