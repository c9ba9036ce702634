"""The greeting of cameras that dial: both sides' machines."""

from fuzz.harness import fuzz, instrumented

with instrumented():
    from haechi.media.reverse.greeting import CameraGreeting, ServerGreeting
    from haechi.media.reverse.wire import Challenge, Knock, Later, Proof, Refused, Welcome, pack

from haechi.base.errors import PeerError

_BYTES = b"n" * 32


def one(data: bytes) -> None:
    server = ServerGreeting(_BYTES, _BYTES)
    try:
        for piece in (data[:7], data[7:50], data[50:]):
            if server.feed(piece) is not None:
                break
    except PeerError:
        server.to_send()
    camera = CameraGreeting("cam_a", _BYTES, _BYTES, lambda message: message[:32] * 2)
    if camera.feed(data) is not None:
        camera.rest()


def seeds() -> list[bytes]:
    knock, proof = pack(Knock("cam_a", _BYTES, "x")), pack(Proof(_BYTES * 2))
    return [
        knock + proof,
        pack(Challenge(_BYTES)) + pack(Welcome(1)) + b"OPTIONS",
        pack(Later("busy", 5)),
        pack(Refused("unknown")),
    ]


if __name__ == "__main__":
    fuzz(one, seeds())
