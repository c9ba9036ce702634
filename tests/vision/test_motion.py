"""The gate opens for what moves and for nothing else."""

import numpy as np
from numpy.typing import NDArray

from haechi.vision.motion import CLOSE_SHARE, COLUMNS, OPEN_SHARE, ROWS, WIDTH_PX, MotionGate, told_share
from haechi.vision.result import CELLS_BYTES

HEIGHT_PX = 90
Grey = NDArray[np.uint8]


def scene(seed: int, *, noise: float = 4.0, brighter: int = 0, at: int | None = None, size: int = 12) -> Grey:
    """A textured wall seen by a noisy sensor; with a dark square at a column."""
    wall = 110 + 40 * np.sin(np.arange(WIDTH_PX) / 9)[None, :] * np.cos(np.arange(HEIGHT_PX) / 7)[:, None] + brighter
    if at is not None:
        wall[40 : 40 + size, at : at + size] = 30
    seen = wall + np.random.default_rng(seed).normal(0, noise, wall.shape)
    return np.clip(seen, 0, 255).astype(np.uint8)


def settled() -> MotionGate:
    gate = MotionGate()
    for seed in range(20):
        gate.share(scene(seed))
    return gate


def test_the_first_picture_counts_as_moving() -> None:
    gate = MotionGate()
    assert gate.share(scene(0)) == 1.0
    assert gate.is_open


def test_sensor_noise_does_not_move() -> None:
    gate = settled()
    for seed in range(100, 200):
        assert gate.share(scene(seed)) < CLOSE_SHARE
        assert not gate.is_open


def test_noise_is_not_told_and_somebody_of_a_twentyfifth_of_the_height_is() -> None:
    gate = settled()
    for seed in range(100, 160):
        assert told_share(gate.share(scene(seed, noise=6.0)), gate.cells) == 0
    told = [told_share(gate.share(scene(300 + step, at=10 + 5 * step, size=4)), gate.cells) for step in range(20)]
    assert min(told) >= CLOSE_SHARE


def test_a_picture_with_nothing_to_compare_it_with_tells_of_no_movement() -> None:
    gate = MotionGate()
    share = gate.share(scene(0))
    assert (gate.is_open, told_share(share, gate.cells)) == (True, 0.0)


def test_something_small_that_walks_opens_the_gate_for_as_long_as_it_walks() -> None:
    gate = settled()
    for step in range(20):
        assert gate.share(scene(300 + step, at=10 + 5 * step)) > OPEN_SHARE
        assert gate.is_open
    for step in range(200):
        gate.share(scene(400 + step))
    assert not gate.is_open


def test_slow_daylight_is_not_motion() -> None:
    gate = settled()
    opened = [gate.share(scene(500 + step, brighter=step // 8)) for step in range(320)]
    assert max(opened) < OPEN_SHARE


def test_a_switched_light_is_seen_once_and_learnt() -> None:
    gate = settled()
    assert gate.share(scene(1, brighter=60)) > 0.6
    for seed in range(2, 6):
        gate.share(scene(seed, brighter=60))
    assert not gate.is_open


def test_another_picture_size_begins_anew() -> None:
    gate = settled()
    assert gate.share(scene(1)[:60]) == 1.0


def grid(gate: MotionGate) -> NDArray[np.bool_]:
    """Cells that moved: shape (18, 32)."""
    return np.unpackbits(np.frombuffer(gate.cells, np.uint8)).reshape(ROWS, COLUMNS).astype(bool)


def test_the_cells_that_moved_are_those_that_something_came_to_or_left() -> None:
    gate = settled()
    gate.share(scene(7))
    assert not grid(gate).any()
    gate.share(scene(8, at=100, size=20))
    rows, columns = np.nonzero(grid(gate))
    assert set(rows.tolist()) <= set(range(7, 13))
    assert set(columns.tolist()) <= set(range(19, 25))
    assert grid(gate)[8:12, 20:24].all()


def test_where_nothing_is_known_yet_no_cells_are_told() -> None:
    gate = MotionGate()
    gate.share(scene(0))
    assert gate.cells == b""
    gate.share(scene(1))
    assert len(gate.cells) == CELLS_BYTES
