"""A port to listen on: the one that was asked for, or the next free one."""

from __future__ import annotations

import socket

from haechi.base.errors import Unavailable

PORTS_TRIED = 20


def listen(host: str, port: int) -> socket.socket:
    """A bound socket on ``port``, or on the next free one.

    Raises:
        Unavailable: ``port-taken``.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for candidate in range(port, min(port + PORTS_TRIED, 65_536)) if port else (0,):
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, candidate))
        except OSError:
            listener.close()
            continue
        listener.setblocking(False)
        return listener
    raise Unavailable("no port to listen on; choose another with --port", code="port-taken", host=host, port=port)
