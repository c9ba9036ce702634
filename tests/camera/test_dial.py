"""The camera's side of dialling: where it dials, whom it trusts, and how it follows."""

import asyncio
import datetime as dt
import ipaddress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from haechi.base.clock import SystemClock
from haechi.base.errors import Denied, Invalid, Unavailable
from haechi.base.ids import CameraId
from haechi.camera.dial.dialler import MOST_HOPS
from haechi.camera.dial.line import Identity, Line, Server, dial
from haechi.camera.dial.memory.keeper import Keeper
from haechi.camera.dial.program import MemoryWish, feed_of, open_memory, token_of
from haechi.camera.virtual.server import FileFeed, VirtualCamera
from haechi.fleet.certificate import load_identity
from haechi.fleet.dialling import new_token, signer
from haechi.media.reverse.wire import Elsewhere
from tests.cameras import StreamFeed, until
from tests.dialling import Port, dialling
from tests.streams import h264_stream

PIN = "ab" * 32
PATIENCE_S = 60.0


def test_a_server_is_read_from_what_people_type() -> None:
    assert Server.parse("cams.example.org:8341", PIN) == Server("cams.example.org", 8341, bytes.fromhex(PIN))
    assert Server.parse("[2001:db8::5]:8341", PIN).host == "2001:db8::5"
    assert Server.parse("h:1", ":".join(["AB"] * 32)).pin == bytes.fromhex(PIN)
    assert Server.parse("h:1", "", Path("ca.pem")).ca == Path("ca.pem")


@pytest.mark.parametrize(
    ("place", "pin", "code"),
    [
        ("cams.example.org", PIN, "bad-server"),
        ("h:0", PIN, "bad-server"),
        ("h:99999", PIN, "bad-server"),
        (":8341", PIN, "bad-server"),
        ("h:8341", "", "bad-pin"),
        ("h:8341", "abc", "bad-pin"),
        ("h:8341", "zz" * 32, "bad-pin"),
    ],
)
def test_what_cannot_be_a_server_is_refused(place: str, pin: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        Server.parse(place, pin)
    assert caught.value.code == code


def test_a_token_comes_from_a_file_or_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HAECHI_CAMERA_TOKEN", raising=False)
    (tmp_path / "token").write_text("  hrt_x\n")
    assert token_of(tmp_path / "token") == "hrt_x"
    for path in (None, tmp_path / "missing"):
        with pytest.raises(Invalid) as caught:
            token_of(path)
        assert caught.value.code == "no-token-file"
    monkeypatch.setenv("HAECHI_CAMERA_TOKEN", "hrt_y")
    assert token_of(None) == "hrt_y"


def test_a_bare_stream_in_a_file_is_a_source(tmp_path: Path) -> None:
    params, units = h264_stream(frames=1)
    start, path = b"\0\0\0\1", tmp_path / "film.h264"
    assert int.from_bytes(units[0].data[:4], "big") == len(units[0].data) - 4
    path.write_bytes(b"".join(start + one for one in (*params.sets, units[0].data[4:])))

    async def run() -> None:
        async with feed_of(str(path)) as feed:
            assert isinstance(feed, FileFeed)

    asyncio.run(run())


async def dial_with(port: Port, server: Server, camera: CameraId, token: str) -> Line:
    device = VirtualCamera({"/main": StreamFeed(h264_stream(frames=10), 30)}, port=None)
    return await dial(server, Identity(camera, signer(token)), device, port.clock)


def test_a_server_that_is_not_there_is_named() -> None:
    async def run() -> None:
        device = VirtualCamera({"/main": StreamFeed(h264_stream(frames=10), 30)}, port=None)
        with pytest.raises(Unavailable) as caught:
            await dial(Server("127.0.0.1", 9, b"x" * 32), Identity("cam_a", signer(new_token())), device, SystemClock())
        assert caught.value.code == "server-unreachable"

    asyncio.run(run())


def signed(folder: Path) -> tuple[Path, Path, Path]:
    """An authority, and a certificate for 127.0.0.1 that it signed, with its key."""
    now = dt.datetime.now(dt.UTC)
    top, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def builder(subject: str, public: ec.EllipticCurvePublicKey, *, is_ca: bool) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("top"))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=2))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        )

    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    authority = builder("top", top.public_key(), is_ca=True).sign(top, hashes.SHA256())
    leaf = (
        builder("leaf", key.public_key(), is_ca=False).add_extension(address, critical=False).sign(top, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    paths = folder / "ca.pem", folder / "leaf.pem", folder / "leaf.key"
    paths[0].write_bytes(authority.public_bytes(pem))
    paths[1].write_bytes(leaf.public_bytes(pem))
    paths[2].write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
    return paths


def test_an_authority_in_place_of_a_pin_lets_its_own_server_through_and_no_other(tmp_path: Path) -> None:
    async def run() -> None:
        port = Port(tmp_path / "server")
        ours, certificate, key = signed(tmp_path)
        other = tmp_path / "other"
        other.mkdir()
        theirs, _, _ = signed(other)
        port.identity = load_identity(certificate, key)
        camera, token = await port.camera()
        async with port.open():
            with pytest.raises(Denied) as caught:
                await dial_with(port, Server("127.0.0.1", port.number, ca=theirs), camera, token)
            assert caught.value.code == "wrong-certificate"
            async with dialling(Server("127.0.0.1", port.number, ca=ours), camera, token):
                await until(lambda: port.state(camera) == "live", PATIENCE_S)
        port.close()

    asyncio.run(run())


def test_a_file_that_is_no_authority_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.pem", tmp_path):
        with pytest.raises(Invalid) as caught:
            Server("127.0.0.1", 1, ca=path).context()
        assert caught.value.code == "bad-pin"


class Circle:
    """Sends every camera to the same place."""

    def __init__(self) -> None:
        self.place_to: Elsewhere | None = None

    def place(self, camera: CameraId, now_ns: int) -> Elsewhere | None:
        return self.place_to


def test_a_camera_that_is_sent_round_in_circles_rests_between_rounds(tmp_path: Path) -> None:
    async def run() -> None:
        circle = Circle()
        port = Port(tmp_path, placement=circle)
        camera, token = await port.camera()
        async with port.open():
            circle.place_to = Elsewhere("127.0.0.1", port.number, port.identity.fingerprint)
            async with dialling(port.server, camera, token):
                await until(lambda: port.listener.counts.redirected == MOST_HOPS + 1, PATIENCE_S)
                circle.place_to = None
                await until(lambda: port.state(camera) == "live", PATIENCE_S)
                assert port.listener.counts.redirected <= 2 * (MOST_HOPS + 1)
        port.close()

    asyncio.run(run())


@pytest.mark.parametrize("size_mb", [-1, 1, 63, 1 << 40])
def test_a_memory_of_an_impossible_size_is_refused(size_mb: int) -> None:
    with pytest.raises(Invalid) as caught:
        MemoryWish.of_mb(size_mb)
    assert caught.value.code == "bad-spool-size"


def test_a_memory_may_be_left_out() -> None:
    assert MemoryWish.of_mb(0) is None
    assert MemoryWish.of_mb(64) == MemoryWish(64_000_000)


def test_a_folder_for_the_memory_that_a_person_named_must_work_and_ours_need_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))

    async def opened(camera: str, folder: Path | None) -> Keeper | None:
        return await open_memory(camera, MemoryWish.of_mb(64, folder), SystemClock())

    assert asyncio.run(opened("cam_a", None)) is None
    for camera, folder, code in (("cam_a", tmp_path / "file", "spool-unusable"), ("../x", None, "bad-camera-id")):
        with pytest.raises(Invalid) as caught:
            asyncio.run(opened(camera, folder))
        assert caught.value.code == code
