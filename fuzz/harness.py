"""What every target shares: instrumentation of our own code, the corpus, and what counts as a crash.

A target is a module ``fuzz/fuzz_<parser>.py`` that imports what it tests within `instrumented`, and ends in
``if __name__ == "__main__": fuzz(one, seeds())``. It takes libFuzzer's arguments, the first of which is the corpus.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path

import atheris

from haechi.base.errors import HaechiError


def instrumented() -> AbstractContextManager[None]:
    """Imports within it are measured for coverage, so that the fuzzer can find its way."""
    manager: AbstractContextManager[None] = atheris.instrument_imports(
        include=["haechi.media", "haechi.record", "haechi.fleet.onvif"]
    )
    return manager


def fuzz(one: Callable[[bytes], object], seeds: Iterable[bytes]) -> None:
    """Call ``one`` with ever new data, beginning with ``seeds``, until libFuzzer's limits are reached."""

    def guarded(data: bytes) -> None:
        try:
            one(data)
        except HaechiError:
            return

    corpus = next((Path(argument) for argument in sys.argv[1:] if not argument.startswith("-")), None)
    if corpus is not None and corpus.is_dir():
        for seed in seeds:
            (corpus / f"seed-{sha256(seed).hexdigest()[:16]}").write_bytes(seed)
    atheris.Setup(sys.argv, guarded)
    atheris.Fuzz()


def records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """``data`` as (control byte, payload) records, each after a 2-byte length; for targets that want many inputs."""
    position = 0
    while position + 3 <= len(data):
        control, size = data[position], int.from_bytes(data[position + 1 : position + 3], "big")
        yield control, data[position + 3 : position + 3 + size]
        position += 3 + size


def join_records(items: Iterable[tuple[int, bytes]]) -> bytes:
    """The inverse of `records`."""
    return b"".join(bytes((control,)) + len(payload).to_bytes(2, "big") + payload for control, payload in items)
