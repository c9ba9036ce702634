"""Who opens what: every kind of address has one, and a kind without one harms nobody else."""

import asyncio

import pytest

from haechi.app.sources import openers_over
from haechi.base.clock import SystemClock
from haechi.base.errors import Invalid
from haechi.fleet.address import KINDS, parse_address
from haechi.ingest.openers import NoOpener
from haechi.ingest.probe import probe_source
from haechi.ingest.session import no_note
from haechi.ingest.wish import Trial
from tests.reach import HERE


def test_every_kind_of_address_that_can_be_typed_is_opened_by_this_server() -> None:
    assert set(KINDS.values()) == openers_over(SystemClock(), HERE).kinds


def test_a_kind_that_nobody_opens_is_said_and_not_tried() -> None:
    wish, opener = Trial(parse_address("rtsp://host/a")), NoOpener()
    with pytest.raises(Invalid) as caught:
        opener.trial(wish, no_note)
    assert caught.value.code == "source-unsupported"
    report = asyncio.run(probe_source(lambda note: opener.open(wish, note), SystemClock()))
    assert report.error_code == "source-unsupported"


def test_a_camera_that_dials_is_not_tried_from_here() -> None:
    wish = Trial(parse_address("reverse:"))
    with pytest.raises(Invalid) as caught:
        openers_over(SystemClock(), HERE).of(wish.address).trial(wish, no_note)
    assert caught.value.code == "camera-dials-out"
