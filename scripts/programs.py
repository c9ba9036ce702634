"""Sees to it that the tests have the programs that they use, by apt: a browser, and what the fault suite strikes with.

Says what it does. Without apt, or without the right to use it, it says so and the tests in question skip with that
reason; with CI set a missing browser is an error, because there it must be.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

BROWSER = ("chromium", "fonts-noto-cjk")
STRIKERS = {"strace": "strace", "faketime": "faketime", "fusermount3": "fuse3"}
"""Program to package: kills at a system call, clocks that jump, a disk that forgets (tests/faults)."""
OTHERS = {
    "ffmpeg": ("ffmpeg",),
    "cvlc": ("vlc-bin", "vlc-plugin-base"),
    "gst-launch-1.0": (
        "gstreamer1.0-tools", "gstreamer1.0-plugins-base", "gstreamer1.0-plugins-good", "gstreamer1.0-plugins-bad",
    ),
    "/usr/lib/python3/dist-packages/gi": ("python3-gi", "gir1.2-gst-rtsp-server-1.0", "gstreamer1.0-rtsp"),
}  # fmt: skip
"""Program or file to packages: cameras, clients and senders of others (tests/interop)."""
PHONES = {"turnserver": ("coturn",), "ip": ("iproute2",), "nsenter": ("util-linux",)}
"""The same for two browsers on two hosts (tests/phones). ``make test`` does not install coturn: Debian starts it at
once, open to the network; here it is masked first where systemd runs."""
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


def is_here(program: str) -> bool:
    """Whether a program, or a file given by its path, is here."""
    return Path(program).exists() if program.startswith("/") else shutil.which(program) is not None


def missing_of(programs: Mapping[str, Sequence[str]]) -> list[str]:
    """The packages that ``make interop``, or ``make phones``, could use and that are not here."""
    return [package for program, packages in programs.items() if not is_here(program) for package in packages]


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


def see_to(programs: Mapping[str, Sequence[str]]) -> int:
    """See to such programs; what is missing afterwards is said, and its tests skip."""
    wanted = missing_of(programs)
    if wanted and (apt := apt_command()) is not None:
        if "coturn" in wanted and shutil.which("systemctl") is not None:
            mask = [*apt[:-1], "systemctl", "mask", "coturn"]
            subprocess.run(mask, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        install(apt, wanted)
    for program, packages in programs.items():
        if not is_here(program):
            print(f"programs: no {program}; tests that need it will skip. To run them: apt-get install {packages[0]}.")
    return 0


def main(arguments: Sequence[str]) -> int:
    """The command."""
    if "--interop" in arguments:
        return see_to(OTHERS)
    if "--phones" in arguments:
        see_to(PHONES)
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
    sys.exit(main(sys.argv[1:]))
