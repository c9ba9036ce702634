"""Builds the Python environment from nothing but Python >= 3.11: no pip, venv, curl or apt needed.

    python3 scripts/bootstrap.py          what `make demo` needs
    python3 scripts/bootstrap.py --dev    what `make test` and `make check` need

It fetches uv (version and SHA-256 pinned in requirements/uv.json) from the index that pip is configured with, makes
.venv with the Python that runs this file, and installs a lock from requirements/ in which every package has its hash.
When nothing changed since the last time it does nothing.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - this file is what an older Python may be asked to run
    sys.exit(
        f"error: Haechi needs Python 3.11 or newer, this is {sys.version.split()[0]}: install one and say "
        "make PYTHON=python3.11 ..."
    )

import argparse
import fcntl
import hashlib
import io
import json
import os
import platform
import subprocess
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pip_settings import PipSettings, local_path, machine_settings, shown, uv_environment
from simple_index import FetchError, Pin, Web, fetch

ROOT = Path(__file__).resolve().parents[1]
UV_PINS = ROOT / "requirements" / "uv.json"


class Failure(Exception):
    """A step failed. ``remedy`` is what the reader can do about it."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


def say(text: str) -> None:
    """One line of progress."""
    print(f"env: {text}", flush=True)


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Say what starts and, when it is done, how long it took."""
    say(f"{what} ...")
    started = time.monotonic()
    yield
    say(f"{what}: done in {time.monotonic() - started:.1f} s")


def platform_key(machine: str, glibc: str) -> str:
    """The key into requirements/uv.json, such as ``x86_64-glibc``."""
    arch = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine.lower(), machine.lower())
    return f"{arch}-{'glibc' if glibc else 'musl'}"


def uv_pin(pins_file: Path, key: str) -> tuple[str, Pin]:
    """The version and the wheel of uv for this platform.

    Raises:
        Failure: None is pinned for it.
    """
    pins = json.loads(pins_file.read_text(encoding="utf-8"))
    wheel = pins["wheels"].get(key)
    if wheel is None:
        raise Failure(
            f"no uv is pinned for this platform ({key})",
            "Linux on x86_64 and aarch64 is supported; elsewhere install uv yourself and set UV=/path/to/uv",
        )
    return pins["version"], Pin("uv", wheel["file"], wheel["sha256"])


def unpack_uv(wheel: bytes, target: Path) -> None:
    """Write the program out of the wheel to ``target``, in one step."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        member = next(name for name in archive.namelist() if name.endswith(".data/scripts/uv"))
        program = archive.read(member)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    part.write_bytes(program)
    part.chmod(0o755)
    part.replace(target)


def without_absent_places(settings: PipSettings) -> PipSettings:
    """Leave out folders that pip is told of but that do not exist. pip passes over them; uv would stop."""
    extra = tuple(url for url in settings.extra_indexes if _is_there(url))
    links = tuple(place for place in settings.find_links if _is_there(place))
    for place in {*settings.extra_indexes, *settings.find_links} - {*extra, *links}:
        say(f"{shown(place)} is configured but does not exist; going on without it")
    return replace(settings, extra_indexes=extra, find_links=links)


def usable(settings: PipSettings, silent: tuple[str, ...]) -> PipSettings:
    """Leave out the extra places that did not answer. The main index stays: without it there is nothing to install."""
    for place in silent:
        if place != settings.index:
            say(f"{shown(place)} does not answer; going on without it")
    return replace(
        settings,
        extra_indexes=tuple(url for url in settings.extra_indexes if url not in silent),
        find_links=tuple(place for place in settings.find_links if place not in silent),
    )


def ensure_uv(cache: Path, settings: PipSettings, pins_file: Path = UV_PINS) -> tuple[Path, PipSettings]:
    """The pinned uv, fetched when it is not there, and the settings without places that do not answer.

    Raises:
        Failure: It cannot be fetched.
    """
    if os.environ.get("UV"):
        return Path(os.environ["UV"]), settings
    version, pin = uv_pin(pins_file, platform_key(platform.machine(), _glibc()))
    program, stamp = cache / "uv" / "uv", cache / "uv" / "sha256"
    if program.is_file() and stamp.is_file() and stamp.read_text(encoding="utf-8") == pin.sha256:
        return program, settings
    origin = f"index {shown(settings.index)}" if settings.index else "no index"
    say(f"packages come from {origin} ({settings.source})")
    with timed(f"fetching uv {version}"):
        try:
            got = fetch(pin, settings, Web(settings))
        except FetchError as error:
            raise Failure(
                f"uv {version} cannot be fetched: {error}",
                "check the network and pip's index (PIP_INDEX_URL, pip.conf), or set UV=/path/to/uv",
            ) from error
        unpack_uv(got.data, program)
        stamp.write_text(pin.sha256, encoding="utf-8")
    return program, usable(settings, got.silent)


def run_uv(uv: Path, settings: PipSettings, *arguments: str) -> None:
    """Run uv with pip's settings.

    Raises:
        Failure: It did not end well; it has printed why.
    """
    env = uv_environment(settings, os.environ)
    env.pop("VIRTUAL_ENV", None)
    try:
        code = subprocess.run([str(uv), *arguments], cwd=ROOT, env=env, check=False).returncode
    except OSError as error:
        raise Failure(f"{uv} cannot be run: {error}", "remove .cache/uv (or mend UV) and try again") from error
    if code != 0:
        raise Failure(
            f"uv {' '.join(arguments[:2])} failed (exit {code}); its own words stand above",
            "check the network and the index that pip is configured with, then run the same command again",
        )


def is_sound(python: Path) -> bool:
    """Whether the environment's interpreter is there and new enough."""
    if not python.exists():
        return False
    probe = [str(python), "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
    return subprocess.run(probe, check=False, capture_output=True).returncode == 0


def fingerprint(profile: str, python: Path) -> str:
    """Changes when the lock, the project's metadata or the interpreter changes."""
    digest = hashlib.sha256(str(python.resolve()).encode())
    for path in (ROOT / "requirements" / f"{profile}.lock", ROOT / "pyproject.toml"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def build(profile: str, venv: Path, cache: Path) -> bool:
    """Make ``venv`` hold what ``profile`` (runtime or dev) needs. Returns whether there was anything to do."""
    python = venv / "bin" / "python"
    stamps = {name: venv / f".haechi-{name}" for name in ("runtime", "dev")}
    if is_sound(python):
        for name in {profile, "dev"}:  # dev holds all of runtime
            stamp = stamps[name]
            if stamp.is_file() and stamp.read_text(encoding="utf-8") == fingerprint(name, python):
                return False
    settings = without_absent_places(machine_settings())
    uv, settings = ensure_uv(cache, settings)
    if not is_sound(python):
        base = getattr(sys, "_base_executable", None) or sys.executable
        with timed(f"making {venv.name} with Python {platform.python_version()} ({base})"):
            run_uv(uv, settings, "venv", "--quiet", "--clear", "--python", base, str(venv))
    lock = f"requirements/{profile}.lock"
    count = sum(line[:1].isalnum() for line in (ROOT / lock).read_text(encoding="utf-8").splitlines())
    install = ("pip", "install", "--python", str(python))
    with timed(f"installing {count} packages of {lock}, each checked by its hash"):
        run_uv(uv, settings, *install, "--require-hashes", "--requirement", lock)
    with timed("installing haechi itself (editable)"):
        run_uv(uv, settings, *install, "--quiet", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    stamps[profile].write_text(fingerprint(profile, python), encoding="utf-8")
    return True


@contextmanager
def one_at_a_time(cache: Path) -> Iterator[None]:
    """Two makes at once must not build the same environment together."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "bootstrap.lock").open("w", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def main(arguments: list[str] | None = None) -> int:
    """The command. Exit status 1 comes with one line that says what to do."""
    parser = argparse.ArgumentParser(description="Builds .venv from the locks in requirements/.")
    parser.add_argument("--dev", action="store_true", help="also what tests and checks need")
    parser.add_argument("--uv-only", action="store_true", help="fetch uv to .cache/uv and stop")
    options = parser.parse_args(arguments)
    started = time.monotonic()
    cache = ROOT / ".cache"
    try:
        with one_at_a_time(cache):
            if options.uv_only:
                ensure_uv(cache, without_absent_places(machine_settings()))
            elif build("dev" if options.dev else "runtime", ROOT / ".venv", cache):
                say(f"ready in {time.monotonic() - started:.1f} s")
    except Failure as failure:
        print(f"error: {failure}. Remedy: {failure.remedy}.", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error}. Remedy: check that the disk has room and that {ROOT} is writable.", file=sys.stderr)
        return 1
    return 0


def _glibc() -> str:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        return ""


def _is_there(place: str) -> bool:
    path = local_path(place)
    return path is None or path.exists()


if __name__ == "__main__":
    sys.exit(main())
