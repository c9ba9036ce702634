"""The test vectors that makers of cameras go by are what the code says."""

from pathlib import Path

from haechi.fleet.dialling import public_key_of, signer
from haechi.media.reverse import words
from haechi.media.reverse.greeting import CameraGreeting
from haechi.media.reverse.wire import Challenge, Elsewhere, Knock, Later, Refused, Welcome, pack
from haechi.media.reverse.words import Echo, Grant, Range, Unit, Want

PAGE = Path(__file__).resolve().parents[3] / "docs" / "ref" / "reverse-rtsp.md"
TOKEN = "hrt_" + "A" * 43
CAMERA_NONCE, SERVER_NONCE, FINGERPRINT = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))


def test_the_vectors_of_the_page_are_ours() -> None:
    cells = [line.strip("|\n ").split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if "| `" in line]
    page = {cell[0]: bytes.fromhex(cell[1].strip("`")) for cell in cells if len(cell) == 2}
    camera = CameraGreeting("cam_door", CAMERA_NONCE, FINGERPRINT, signer(TOKEN))
    assert camera.start("x") == pack(Knock("cam_door", CAMERA_NONCE, "x")) == page["knock"]
    camera.feed(page["challenge"])
    assert camera.to_send() == page["proof"]
    assert page == {
        "knock": page["knock"],
        "challenge": pack(Challenge(SERVER_NONCE)),
        "public key": public_key_of(TOKEN),
        "proof": page["proof"],
        "welcome, wall_ns 1": pack(Welcome(1)),
        "later, busy, 5 s": pack(Later("busy", 5)),
        "refused, unknown": pack(Refused("unknown")),
        "elsewhere, m.example:8341": pack(Elsewhere("m.example", 8341, FINGERPRINT)),
        "echo, 7": words.pack(Echo(7)),
        "grant, want 1, 1000 bytes": words.pack(Grant(1, 1000)),
        "want 1 of run 4711, main 0 to 10, 1000 bytes/s": words.pack(Want(1, 4711, (Range("main", 0, 10),), 1000)),
        "unit, want 1, run 4711, main 3, pts and dts 10800, wall_ns 1, no sync, key 16 times 6b, 5 bytes": words.pack(
            Unit(1, 4711, "main", 3, 10_800, 10_800, 1, False, b"k" * 16, 5)
        ),
    }
