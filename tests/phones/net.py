"""Hosts in network namespaces, each behind a router of its own, and programs that run on them. Needs CAP_NET_ADMIN."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.links.network import START_S, Host
from tests.phones.nat import Kind, Router, World

SERVER = "203.0.113.10"
_QUEUE_BYTES = 65_536


class Place:
    """One host and its router."""

    def __init__(self, net: Net, number: int, address: str) -> None:
        self._net = net
        self.number = number
        self.host = Host(address)

    @property
    def namespace(self) -> str:
        thread = self.host._thread.native_id
        return f"/proc/{os.getpid()}/task/{thread}/ns/net"

    def command(self, *words: str) -> Sequence[str]:
        """How to run a program on this host."""
        return ("nsenter", f"--net={self.namespace}", "--", *words)

    def run(self, *words: str) -> None:
        """Run one to its end."""
        subprocess.run(self.command(*words), check=True, capture_output=True, timeout=START_S)

    def wrapper(self, program: Path, folder: Path) -> Path:
        """A file that runs ``program`` here, for whoever starts programs by a file."""
        file = folder / f"{program.name}-{self.number}"
        file.write_text(f'#!/bin/sh\nexec {" ".join(self.command(str(program)))} "$@"\n')
        file.chmod(0o700)
        return file

    def stand(self, kind: Kind, public: str, address: str) -> None:
        """Be at ``address``, behind a router that the world knows as ``public``. What stood before is over."""
        self._net.world.routers[self.number] = Router(kind, public)
        self.run("ip", "address", "flush", "dev", "wire")
        self.run("ip", "address", "add", f"{address}/24", "dev", "wire")
        self.run("ip", "route", "replace", "default", "dev", "wire")


class Net:
    """A server, a phone and a viewer, and what lies between them."""

    def __init__(self) -> None:
        self.world = World()
        self.server = Place(self, 0, SERVER)
        self.phone = Place(self, 1, "10.1.0.2")
        self.viewer = Place(self, 2, "10.2.0.2")
        self.places = (self.server, self.phone, self.viewer)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._carry, name="net", daemon=True)

    def start(self) -> None:
        for place in self.places:
            place.host.start()
        self.server.stand(Kind.NONE, SERVER, SERVER)
        self.behind(Kind.CONE)
        self._thread.start()

    def behind(self, kind: Kind) -> None:
        """Put both homes behind routers of this kind; with `Kind.NONE` both have addresses of the world."""
        for place, number in ((self.phone, 1), (self.viewer, 2)):
            public = f"198.51.100.{number}"
            place.stand(kind, public, public if kind is Kind.NONE else f"10.{number}.0.2")

    def stop(self) -> None:
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join(START_S)
        for place in self.places:
            place.host.stop()

    def _carry(self) -> None:
        wires = {place.host.tun: place.number for place in self.places}
        devices = {number: device for device, number in wires.items()}
        poll = select.poll()
        for device in wires:
            poll.register(device, select.POLLIN)
        while not self._is_over.is_set():
            for device, _ in poll.poll(50):
                self._read(device, wires[device], devices)

    def _read(self, device: int, number: int, devices: dict[int, int]) -> None:
        while True:
            try:
                data = os.read(device, _QUEUE_BYTES)
                carried = self.world.carry(data, number)
                if carried is not None:
                    os.write(devices[carried[1]], carried[0])
            except BlockingIOError:
                return
            except OSError:  # a host between two addresses takes nothing
                self.world.dropped += 1
                return


@contextmanager
def a_net() -> Iterator[Net]:
    """Three hosts; skips the test where namespaces may not be made."""
    missing = [name for name in ("ip", "nsenter") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"hosts of their own need {' and '.join(missing)}")
    net = Net()
    try:
        net.start()
    except (OSError, subprocess.CalledProcessError) as error:
        net.stop()
        pytest.skip(f"hosts of their own need root, network namespaces and /dev/net/tun: {error}")
    try:
        yield net
    finally:
        net.stop()
