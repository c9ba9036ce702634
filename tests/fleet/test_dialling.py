"""Tokens of cameras that dial, and the server's certificate."""

import asyncio
import datetime as dt
import hashlib
import ssl
import stat
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.clock import NS_PER_S, SimulatedClock
from haechi.base.errors import Conflict, Invalid, NotFound
from haechi.base.ids import CameraId
from haechi.fleet.address import parse_address
from haechi.fleet.cameras import CameraChange, CameraRegistry
from haechi.fleet.certificate import load_identity, own_certificate
from haechi.fleet.dialling import DialKeys, new_token, public_key_of, read_key, signer
from haechi.store.database import Database

NOW = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)


def with_keys(tmp_path: Path, use: Callable[[CameraRegistry, DialKeys], Coroutine[Any, Any, None]]) -> None:
    tmp_path.mkdir(exist_ok=True)
    database = Database.at(tmp_path / "haechi.db")
    database.migrate()
    clock = SimulatedClock(5 * NS_PER_S)
    asyncio.run(use(CameraRegistry(database, clock), DialKeys(database, clock)))
    database.close()


def test_only_the_newest_token_of_the_very_camera_signs_for_it(tmp_path: Path) -> None:
    async def use(registry: CameraRegistry, keys: DialKeys) -> None:
        door, yard = await registry.add("Door", "reverse:"), await registry.add("Yard", "reverse:")
        old, other = await keys.issue(door.id), await keys.issue(yard.id)
        new = await keys.issue(door.id)
        assert await keys.admits(door.id, b"words", signer(new)(b"words")) == public_key_of(new)
        for token, words in ((old, b"words"), (other, b"words"), (new, b"other words"), (new_token(), b"words")):
            assert await keys.admits(door.id, b"words", signer(token)(words)) is None
        assert await keys.admits(CameraId("cam_unknown"), b"words", signer(new)(b"words")) is None
        assert await keys.issued_ns(door.id) == 5 * NS_PER_S

    with_keys(tmp_path, use)


def test_a_camera_that_is_deleted_or_dialled_again_by_us_is_not_admitted(tmp_path: Path) -> None:
    async def use(registry: CameraRegistry, keys: DialKeys) -> None:
        one, other = await registry.add("One", "reverse:"), await registry.add("Other", "reverse:")
        tokens = {camera.id: await keys.issue(camera.id) for camera in (one, other)}
        await registry.delete(one.id)
        await registry.update(other.id, CameraChange(url="rtsp://192.0.2.1/"))
        for camera, token in tokens.items():
            assert await keys.admits(camera, b"words", signer(token)(b"words")) is None
        assert await keys.all() == {}
        assert await keys.issued_ns(one.id) == 0

    with_keys(tmp_path, use)


def test_the_database_holds_nothing_that_signs(tmp_path: Path) -> None:
    async def use(registry: CameraRegistry, keys: DialKeys) -> None:
        token = await keys.issue((await registry.add("Door", "reverse:")).id)
        held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert public_key_of(token) in held
        assert token.encode() not in held
        assert hashlib.sha256(b"haechi reverse token 1\0" + token.encode()).digest() not in held

    with_keys(tmp_path, use)


@pytest.mark.parametrize("text", ["", "hrt_", "secret", "hrt_" + "x" * 42, "hrt_" + "x" * 44, "hrt_" + "é" * 43])
def test_what_is_no_token_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        signer(text)
    assert caught.value.code == "bad-dial-token"
    assert not text or text not in str(caught.value)


def test_another_server_that_has_the_key_admits_the_camera_and_learns_no_secret(tmp_path: Path) -> None:
    written: list[bytes] = []

    async def export(registry: CameraRegistry, keys: DialKeys) -> None:
        camera = await registry.add("Dock <b>", "reverse:")
        with pytest.raises(NotFound) as caught:
            await keys.export(camera)
        assert caught.value.code == "no-dial-key"
        token = await keys.issue(camera.id)
        written.extend([msgspec.json.encode(await keys.export(camera)), token.encode()])
        called = await registry.add("Door", "rtsp://192.0.2.1/")
        with pytest.raises(NotFound) as caught:
            await keys.export(called)
        assert caught.value.code == "camera-not-reverse"

    async def bring(registry: CameraRegistry, keys: DialKeys) -> None:
        key, token = read_key(written[0]), written[1].decode()
        with pytest.raises(NotFound):
            await keys.bring(key)
        added = CameraRegistry(registry._database, SimulatedClock(0), lambda: CameraId(key.id))
        camera = await added.add(key.name, "reverse:")
        await keys.bring(key)
        await keys.bring(key)
        assert await keys.admits(camera.id, b"words", signer(token)(b"words")) == public_key_of(token)
        await registry.update(camera.id, CameraChange(url="rtsp://192.0.2.1/"))
        with pytest.raises(Conflict) as caught:
            await keys.bring(key)
        assert caught.value.code == "camera-exists"

    with_keys(tmp_path / "one", export)
    assert written[1] not in written[0]
    assert written[1].removeprefix(b"hrt_") not in written[0]
    with_keys(tmp_path / "other", bring)


GOOD_KEY = {
    "form": "haechi camera key 1",
    "id": "cam_abcdefghjkmnpqrs",
    "name": "Dock",
    "public_key": public_key_of(new_token()).hex(),
}


@pytest.mark.parametrize(
    "change",
    [
        {"form": "haechi camera key 2"},
        {"id": "usr_abcdefghjkmnpqrs"},
        {"id": "../etc"},
        {"name": ""},
        {"name": "x" * 121},
        {"public_key": "ab"},
        {"public_key": "AB" * 32},
        {"token": "hrt_"},
        {"name": 5},
    ],
)
def test_a_key_that_is_none_is_refused(change: dict[str, object]) -> None:
    assert read_key(msgspec.json.encode(GOOD_KEY)).name == "Dock"
    with pytest.raises(Invalid) as caught:
        read_key(msgspec.json.encode({**GOOD_KEY, **change}))
    assert caught.value.code == "bad-camera-key"


@given(st.binary(max_size=300) | st.just(b" " * 5000))
def test_noise_is_no_key(data: bytes) -> None:
    with pytest.raises(Invalid):
        read_key(data)


def test_tokens_differ_and_spaces_around_one_do_no_harm() -> None:
    first, second = new_token(), new_token()
    assert first != second
    assert public_key_of(f" {first}\n") == public_key_of(first)


def test_an_address_that_is_none_has_no_credentials() -> None:
    place = parse_address(" Reverse: ")
    assert place.is_reverse
    assert not parse_address("rtsp://reverse:554/").is_reverse
    with pytest.raises(Invalid):
        place.with_credentials("user", "password")


def test_our_own_certificate_is_made_once_and_only_we_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "reverse.pem"
    own_certificate(path, NOW)
    first = load_identity(path)
    own_certificate(path, NOW)
    assert load_identity(path).pin == first.pin
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    der = ssl.PEM_cert_to_DER_cert(path.read_text()[path.read_text().index("-----BEGIN CERT") :])
    assert first.fingerprint == hashlib.sha256(der).digest()
    assert len(first.pin) == 64


def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nothing")
    for path in (nonsense, tmp_path / "missing.pem"):
        with pytest.raises(Invalid) as caught:
            load_identity(path)
        assert caught.value.code == "bad-certificate"
        assert caught.value.context["file"] == str(path)
    own_certificate(tmp_path / "one.pem", NOW)
    own_certificate(tmp_path / "two.pem", NOW)
    with pytest.raises(Invalid):
        load_identity(tmp_path / "one.pem", tmp_path / "two.pem")
