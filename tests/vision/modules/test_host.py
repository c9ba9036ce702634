"""What a module is shown by its process, and what becomes of its answers; no process here."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest

from haechi.vision.modules.contract import About, Glimpse, Thing, opened
from haechi.vision.modules.host import Host
from haechi.vision.modules.messages import (
    Close,
    Erred,
    Feed,
    Followed,
    Forget,
    HostReply,
    Looking,
    Over,
    Restore,
    Saved,
    Saw,
    Taken,
)
from tests.streams import h264_stream

NS = 1_000_000_000


class Watcher:
    """A module that remembers what it was shown, and keeps a count for each camera."""

    def __init__(self, **spec: object) -> None:
        self.spec = {"name": "watcher", **spec}
        self.batches: list[list[Glimpse]] = []
        self.counts: dict[str, int] = {}

    def look(self, batch: Sequence[Glimpse]) -> list[dict[str, Any]]:
        self.batches.append(list(batch))
        if any(glimpse.about.stream == "angry" for glimpse in batch):
            raise ValueError("not this one")
        for glimpse in batch:
            self.counts[glimpse.about.stream] = self.counts.get(glimpse.about.stream, 0) + 1
        return [
            {"scores": [{"name": "count", "value": 0.1 * self.counts[one.about.stream], "t0_ns": 0, "t1_ns": 1}]}
            for one in batch
        ]

    def save(self, stream: str) -> bytes:
        return str(self.counts.get(stream, 0)).encode()

    def restore(self, stream: str, state: bytes) -> None:
        self.counts[stream] = int(state)

    def forget(self, stream: str) -> None:
        self.counts.pop(stream, None)


class Rig:
    """A host around a module, and what it says."""

    def __init__(self, save_s: float = 0.0, **spec: object) -> None:
        self.module = Watcher(**spec)
        self.said: list[HostReply] = []
        self.host = Host(opened(self.module, "watcher"), self.said.append, save_s)

    def saw(self) -> list[Saw]:
        return [one for one in self.said if isinstance(one, Saw)]

    def shown(self) -> list[list[int]]:
        """The numbers of the pictures of each glimpse."""
        return [[about.seq for about in one.abouts] for batch in self.module.batches for one in batch]


def feeds(
    key: str, count: int, *, run: int = 1, gop: int = 50, shown: Iterable[int] | None = None, is_last: bool = False
) -> list[Feed]:
    params, units = h264_stream(count, fps=10, size=(64, 48), gop=gop)
    wanted = set(range(count)) if shown is None else set(shown)
    return [
        Feed(key, key, run, n, one.pts, n * NS // 10, one.data, params if one.is_sync else None, n in wanted, is_last)
        for n, one in enumerate(units)
    ]


def followed(key: str, seq: int, *labels: str, run: int = 1) -> Followed:
    about = About(key, run, seq, 0, seq * NS // 10, 64, 48)
    return Followed(key, about, tuple(Thing(label) for label in labels))


def test_the_newest_picture_of_each_camera_is_shown_in_one_look_and_what_was_missed_is_counted() -> None:
    rig = Rig()
    for one in (*feeds("a", 4), *feeds("b", 2)):
        rig.host.take(one)
    rig.host.look()
    ((first, second),) = rig.module.batches
    assert (first.about.stream, second.about.stream) == ("a", "b")
    assert first.pictures[0].shape == (48, 64, 3)
    assert [(one.key, one.missed) for one in rig.saw()] == [("a", first.about.seq), ("b", second.about.seq)]
    assert all(one.cpu_ns > 0 for one in rig.saw())
    assert sum(isinstance(one, Taken) for one in rig.said) == 6
    assert sum(isinstance(one, Looking) for one in rig.said) == 1
    assert not rig.host.has_work


def test_pictures_that_are_not_to_be_shown_are_decoded_all_the_same_and_come_in_the_wanted_size() -> None:
    rig = Rig(size_px=(32, 16))
    for one in feeds("a", 5, shown=[2]):
        rig.host.take(one)
        rig.host.look()
    rig.host.take(Close("a"))
    rig.host.look()
    assert rig.shown() == [[2]]
    assert rig.module.batches[0][0].pictures[0].shape == (16, 32, 3)
    assert rig.said[-1] == Over("a")


def test_a_key_frame_that_stands_alone_is_shown_at_once() -> None:
    rig = Rig(kind="keyframe")
    rig.host.take(feeds("a", 1, is_last=True)[0])
    rig.host.look()
    assert rig.shown() == [[0]]


def test_a_snippet_is_so_many_pictures_a_stride_apart_and_never_of_two_runs() -> None:
    rig = Rig(kind="snippet", frames=4, stride=2)
    for one in (*feeds("a", 9), *feeds("a", 6, run=2)):
        rig.host.take(one)
        rig.host.look()
    rig.host.take(Close("a"))
    rig.host.look()
    assert rig.shown() == [[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 7], [0, 1, 2, 3], [2, 3, 4, 5]]


def test_a_module_of_tracks_sees_every_result_and_no_picture() -> None:
    rig = Rig(kind="track")
    for seq in range(3):
        rig.host.take(followed("a", seq, "person"))
    while rig.host.has_work:
        rig.host.look()
    glimpses = [one for batch in rig.module.batches for one in batch]
    assert [one.about.seq for one in glimpses] == [0, 1, 2]
    assert all(one.pictures == () and one.things[0].label == "person" for one in glimpses)


def test_what_is_known_of_a_picture_is_of_it_or_shortly_before_and_of_the_same_run() -> None:
    rig = Rig(needs=["boxes"])
    rig.host.take(followed("a", 0, "old"))
    rig.host.take(followed("a", 1, "person", "dog"))
    for one in feeds("a", 3, shown=[2]):
        rig.host.take(one)
    rig.host.take(Close("a"))
    rig.host.look()
    assert [thing.label for thing in rig.module.batches[0][0].things] == ["person", "dog"]
    rig.host.take(followed("b", 0, "other run", run=9))
    for one in feeds("b", 1):
        rig.host.take(one)
    rig.host.take(Close("b"))
    rig.host.look()
    assert rig.module.batches[-1][0].things == ()


def test_an_error_costs_the_camera_that_it_is_of_and_no_other() -> None:
    rig = Rig()
    for one in (*feeds("calm", 1), *feeds("angry", 1)):
        rig.host.take(one)
    for key in ("calm", "angry"):
        rig.host.take(Close(key))
    rig.host.look()
    assert [one.key for one in rig.saw()] == ["calm"]
    (erred,) = [one for one in rig.said if isinstance(one, Erred)]
    assert (erred.key, erred.reason.split(" (")[0]) == ("angry", "ValueError: not this one")


def test_what_a_module_knows_of_a_camera_is_saved_restored_and_forgotten() -> None:
    rig = Rig(save_s=3600.0)
    rig.host.take(Restore("a", b"4"))
    for one in feeds("a", 1):
        rig.host.take(one)
    rig.host.take(Close("a"))
    rig.host.look()
    assert rig.saw()[0].scores[0].value == pytest.approx(0.5)
    assert Saved("a", b"5") in rig.said
    rig.host.take(Forget("a"))
    assert rig.module.counts == {}


def test_a_state_that_cannot_be_read_is_told_and_ends_nothing() -> None:
    rig = Rig()
    rig.host.take(Restore("a", b"\xff"))
    (erred,) = rig.said
    assert isinstance(erred, Erred)
    for one in feeds("a", 1):
        rig.host.take(one)
    rig.host.take(Close("a"))
    rig.host.look()
    assert len(rig.saw()) == 1


def test_a_unit_that_is_none_is_left_out_and_the_stream_goes_on_at_the_next_sync_unit() -> None:
    rig = Rig()
    good = feeds("a", 2, gop=1)
    rig.host.take(Feed("a", "a", 1, 0, 0, 0, b"\x00\x00\xff\xff", good[0].params))
    for one in good:
        rig.host.take(one)
    rig.host.take(Close("a"))
    rig.host.look()
    assert rig.saw()[-1].seq == 1
    assert np.all([batch[0].pictures[0].shape == (48, 64, 3) for batch in rig.module.batches])
