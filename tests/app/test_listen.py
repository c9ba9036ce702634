"""Where the server listens."""

import socket
from contextlib import closing

import pytest

from haechi.app.demo import free_port
from haechi.app.ports import PORTS_TRIED, listen
from haechi.base.errors import Unavailable


def taken() -> socket.socket:
    """A port that somebody else listens on."""
    holder = socket.create_server(("127.0.0.1", 0))
    assert holder.getsockname()[1] < 65_536 - PORTS_TRIED
    return holder


def port_of(listener: socket.socket) -> int:
    with closing(listener):
        return int(listener.getsockname()[1])


def test_a_free_port_is_taken_as_wished() -> None:
    wish = port_of(taken())
    assert port_of(listen("127.0.0.1", wish)) == wish


def test_when_the_port_is_taken_the_next_free_one_is_used() -> None:
    with taken() as holder:
        wish = holder.getsockname()[1]
        assert wish < port_of(listen("127.0.0.1", wish)) < wish + PORTS_TRIED


def test_port_zero_is_any_port() -> None:
    assert port_of(listen("127.0.0.1", 0)) > 0


def test_an_address_of_another_machine_cannot_be_listened_on_and_the_error_says_what_to_do() -> None:
    with pytest.raises(Unavailable) as caught:
        listen("192.0.2.1", 8300)
    assert caught.value.code == "port-taken"
    assert "--port" in caught.value.message


def test_the_demo_takes_another_port_for_its_cameras_when_theirs_is_taken() -> None:
    with taken() as holder:
        assert free_port(holder.getsockname()[1]) != holder.getsockname()[1]
