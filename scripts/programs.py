"""Sees to it that the tests have the programs that they use, by apt: a browser, and what the fault suite strikes with.

Says what it does. Without apt, or without the right to use it, it says so and the tests in question skip with that
reason; with CI set a missing browser is an error, because there it must be.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

BROWSER = ("chromium", "fonts-noto-cjk")
STRIKERS = {"strace": "strace", "faketime": "faketime", "fusermount3": "fuse3"}
"""Program to package: kills at a system call, clocks that jump, a disk that forgets (tests/faults)."""
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find() -> str | None:
    """The browser to use: ``HAECHI_CHROMIUM``, or the first of the usual names on the path."""
    return os.environ.get("HAECHI_CHROMIUM") or next((path for name in NAMES if (path := shutil.which(name))), None)


def apt_command() -> list[str] | None:
    """How apt-get can be called here without asking for a password; None when it cannot."""
    if shutil.which("apt-get") is None:
        return None
    if os.geteuid() == 0:
        return ["apt-get"]
    sudo = shutil.which("sudo")
    if sudo is None:
        return None
    interactive = sys.stdin.isatty()
    allowed = interactive or subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0
    return [sudo, "apt-get"] if allowed else None


def missing() -> list[str]:
    """The packages that the tests could use and that are not here."""
    strikers = [package for program, package in STRIKERS.items() if shutil.which(program) is None]
    return [*(BROWSER if find() is None else ()), *strikers]


def install(apt: list[str], packages: list[str]) -> bool:
    """Install packages. Returns whether apt ended well."""
    what, how = " and ".join(packages), " ".join(apt)
    print(f"programs: installing {what} with {how} (for the tests only) ...", flush=True)
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    steps = (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *packages])
    for step in steps:
        done = subprocess.run([*apt, *step], env=env, check=False, stdout=subprocess.DEVNULL)
        if done.returncode != 0 and step[0] == "install":
            return False
    return True


def main() -> int:
    """The command."""
    wanted = missing()
    if wanted and (apt := apt_command()) is not None:
        install(apt, wanted)
    for program, package in STRIKERS.items():
        if shutil.which(program) is None:
            print(f"programs: no {program}; faults that need it will skip. To try them: apt-get install {package}.")
    if find() is not None:
        return 0
    remedy = "install Chromium yourself (apt-get install chromium) or name one with HAECHI_CHROMIUM=/path"
    if os.environ.get("CI"):
        print(f"error: no Chromium for the browser tests. Remedy: {remedy}.", file=sys.stderr)
        return 1
    print(f"programs: no Chromium and no right to install it; the browser tests will skip. To run them: {remedy}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
