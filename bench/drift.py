"""How exactly a bumped camera's view is followed, and how often it is followed wrongly, by several methods.

Each positive is a view that moved by a known homography, in some weather, with noise of its own; its reference was
made of 25 noisy pictures of the same light. Told: the error at the corners of the picture and of a zone in its middle,
in pixels of a picture 768 wide, of what was answered; and how often nothing was. Each negative is three looks in a row
at something that must not move any zone: another scene, a crowd, 70 % of the view hidden, lights on and off. What
counts as a wrong move is what the product would do after them (`haechi.vision.view.follow`).

    python -m bench.drift [--each 24] [--negatives 1000] [--methods]
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import cv2
import numpy as np
from msgspec import Struct

from bench.drift_scenes import SIZE, WEATHER, Bgr, Rng, bump, canvases, crowd, day, hidden, night, view
from haechi.base.clock import NS_PER_S
from haechi.base.errors import Invalid
from haechi.vision.view.align import (
    LEAST_HULL,
    LEAST_INLIERS,
    Abstained,
    Estimate,
    Model,
    aligned,
    hull_share,
    is_plausible,
    model_of,
)
from haechi.vision.view.features import found, matched
from haechi.vision.view.follow import Asked, Course, Moved, placed_by, untold
from haechi.vision.view.geometry import IDENTITY, Matrix, Transform, apart_px, in_pixels, of_pixels, placed
from haechi.vision.view.picture import Grey, seen, without
from haechi.vision.view.reference import PICTURES, Gathering

WRONG_PX = 8.0
KINDS = ("shift", "small", "bump")
ZONE = ((0.3, 0.4), (0.7, 0.4), (0.75, 0.9), (0.25, 0.9))
Method = Callable[[Model, Grey], Transform | None]


class Answers(Struct):
    """What came of a row of positives, in pixels and milliseconds of processor time."""

    asked: int = 0
    corner: list[float] = []
    zone: list[float] = []
    cpu_ms: list[float] = []

    def add(self, truth: Transform, said: Transform | None, took_s: float) -> None:
        """One more."""
        self.asked += 1
        self.cpu_ms.append(took_s * 1000)
        if said is not None:
            self.corner.append(apart_px(truth, said, SIZE))
            self.zone.append(zone_px(truth, said))


def ours(model: Model, now: Grey) -> Transform | None:
    """What the product does."""
    found_now = aligned(model, now)
    return found_now.transform if isinstance(found_now, Estimate) else None


def orb_alone(model: Model, now: Grey) -> Transform | None:
    """ORB and MAGSAC, 12 inliers."""
    matrix, _ = _orb(model, now, 12)
    return _transform(matrix)


def orb_gated(model: Model, now: Grey) -> Transform | None:
    """ORB and MAGSAC with the gates of 25 inliers and a hull of a tenth."""
    matrix, hull = _orb(model, now, LEAST_INLIERS)
    return _transform(matrix) if hull >= LEAST_HULL else None


def orb_akaze(model: Model, now: Grey) -> Transform | None:
    """The same, and AKAZE must agree within 4 pixels; AKAZE's answer is taken."""
    first = orb_gated(model, now)
    akaze = cv2.AKAZE_create(threshold=0.0008)
    keys, descriptors = akaze.detectAndCompute(model.even, model.mask)
    keys_now, descriptors_now = akaze.detectAndCompute(now, None)
    if first is None or descriptors is None or descriptors_now is None or min(len(keys), len(keys_now)) < 2:
        return None
    pairs = cv2.BFMatcher(cv2.NORM_HAMMING).knnMatch(descriptors, descriptors_now, k=2)
    good = [one for one, *rest in pairs if rest and one.distance < 0.8 * rest[0].distance]
    if len(good) < 12:
        return None
    start = np.array([keys[one.queryIdx].pt for one in good])
    end = np.array([keys_now[one.trainIdx].pt for one in good])
    matrix, inside = cv2.findHomography(start, end, cv2.USAC_MAGSAC, 3.0)
    if matrix is None or inside is None or inside.sum() < 12:
        return None
    second = _transform(np.asarray(matrix, np.float64))
    return second if second is not None and apart_px(first, second, SIZE) <= 4 else None


def orb_ecc(model: Model, now: Grey) -> Transform | None:
    """The same with ECC (affine, half size) in place of AKAZE."""
    first = orb_gated(model, now)
    if first is None:
        return None
    half = (SIZE[0] // 2, SIZE[1] // 2)
    small, small_now = cv2.resize(model.even, half), cv2.resize(now, half)
    scale = np.diag([0.5, 0.5, 1.0])
    start = (scale @ in_pixels(first, SIZE) @ np.linalg.inv(scale)).astype(np.float32)[:2]
    try:
        _, matrix = cv2.findTransformECC(small, small_now, start, cv2.MOTION_AFFINE, (3, 30, 1e-4))
    except cv2.error:
        return None
    whole = np.linalg.inv(scale) @ np.vstack([matrix, [0, 0, 1]]) @ scale
    second = _transform(np.asarray(whole, np.float64))
    return first if second is not None and apart_px(first, second, SIZE) <= 4 else None


METHODS: dict[str, Method] = {
    "ORB, 12 inliers": orb_alone,
    "ORB, 25 inliers, hull 10 %": orb_gated,
    "… and AKAZE agrees": orb_akaze,
    "… and ECC agrees": orb_ecc,
    "… and optical flow agrees (ours)": ours,
}


def reference_of(pictures: Iterator[Bgr]) -> Model:
    """The product's reference."""
    gathering = Gathering(SIZE)
    free = without(SIZE, [])
    for picture in pictures:
        gathering.add(seen(picture), free)
    reference = gathering.reference()
    return model_of(reference.even(), reference.mask)


def zone_px(truth: Transform, said: Transform) -> float:
    """The farthest that a corner of the zone is off."""
    pairs = zip(placed(ZONE, truth), placed(ZONE, said), strict=True)
    return max(float(np.hypot((a - c) * SIZE[0], (b - d) * SIZE[1])) for (a, b), (c, d) in pairs)


def positives(scenes: dict[str, Bgr], method: Method, each: int, change: str = "") -> dict[str, Answers]:
    """Rows by weather; ``change`` hides 40 or 70 % of the view, or fills it with people."""
    rows = {weather: Answers() for weather in WEATHER}
    names = list(scenes)
    for weather, make in WEATHER.items():
        rng = np.random.default_rng(sum(map(ord, weather)))
        for number in range(each):
            name = names[number % len(names)]
            model = _model(scenes[name], name, weather, make)
            matrix = bump(rng, KINDS[number // len(names) % 3] if each > len(names) else KINDS[number % 3])
            shown = view(scenes[name], matrix)
            if change == "crowd":
                shown = crowd(shown, rng, 10)
            elif change:
                shown = hidden(shown, rng, float(change), strangers(scenes, name))
            now = seen(make(shown, rng))
            began = time.process_time()
            said = method(model, now.even)
            rows[weather].add(of_pixels(matrix, SIZE), said, time.process_time() - began)
    return rows


class Negatives(Struct):
    """How many looks in a row led to what. ``single``: one estimate alone would have been wrong."""

    cases: int = 0
    wrong: int = 0
    asked: int = 0
    single: int = 0


def negatives(scenes: dict[str, Bgr], count: int, seed: int) -> dict[str, Negatives]:
    """Kinds in turn, ``count`` in all."""
    names = list(scenes)
    rng = np.random.default_rng(seed)
    kinds = {"another scene": Negatives(), "a crowd": Negatives(), "70 % hidden": Negatives(),
             "70 % hidden, moved": Negatives(), "lights off or on": Negatives()}  # fmt: skip
    for number in range(count):
        name = names[rng.integers(len(names))]
        kind = list(kinds)[number % len(kinds)]
        by_day = rng.random() < 0.7
        make = day if by_day else night
        model = _model(scenes[name], name, "day" if by_day else "night", make)
        matrix = bump(rng, KINDS[number // 5 % 3]) if kind == "70 % hidden, moved" else np.eye(3)
        looks = [_negative(scenes, name, kind, matrix, make, rng) for _ in range(3)]
        if kind.startswith("70 %"):
            state = rng.bit_generator.state
            looks = []
            for _ in range(3):
                rng.bit_generator.state = state
                looks.append(_negative(scenes, name, kind, matrix, make, rng))
        _count(kinds[kind], model, looks, of_pixels(matrix, SIZE))
    return kinds


def _negative(
    scenes: dict[str, Bgr], name: str, kind: str, matrix: Matrix, make: Callable[[Bgr, Rng], Bgr], rng: Rng
) -> Bgr:
    shown = view(scenes[name], matrix)
    match kind:
        case "another scene":
            others = strangers(scenes, name)
            return make(view(others[rng.integers(len(others))], bump(rng, "bump")), rng)
        case "a crowd":
            return make(crowd(shown, rng, 45), rng)
        case "lights off or on":
            return (night if make is day else day)(shown, rng)
        case _:
            return make(hidden(shown, rng, 0.7, strangers(scenes, name)), rng)


def strangers(scenes: dict[str, Bgr], name: str) -> list[Bgr]:
    """Scenes that have nothing to do with one: not another picture of the same film."""
    family = name.rsplit(" ", 1)[0] if name.startswith("film") else name
    return [picture for other, picture in scenes.items() if not other.startswith(family)]


def _count(into: Negatives, model: Model, looks: list[Bgr], truth: Transform) -> None:
    """What the product makes of three looks, two seconds apart, and then of being lost for a minute."""
    into.cases += 1
    course = Course()
    for number, look in enumerate(looks):
        at_ns = (1 + 2 * number) * NS_PER_S
        said = aligned(model, seen(look).even)
        if isinstance(said, Abstained):
            course, turn = untold(course, at_ns, is_tripped=True)
        else:
            into.single += number == 0 and apart_px(said.transform, truth, SIZE) > WRONG_PX
            course, turn = placed_by(course, said, said.transform, SIZE, at_ns)
        into.asked += isinstance(turn, Asked)
        into.wrong += isinstance(turn, Moved) and apart_px(turn.transform, truth, SIZE) > WRONG_PX
    if truth == IDENTITY and course.transform != IDENTITY:
        into.wrong += apart_px(course.transform, truth, SIZE) <= WRONG_PX


_models: dict[tuple[str, str], Model] = {}


def _model(canvas: Bgr, name: str, weather: str, make: Callable[[Bgr, Rng], Bgr]) -> Model:
    key = (name, weather)
    if key not in _models:
        rng = np.random.default_rng(len(name))
        still = view(canvas, np.eye(3))
        _models[key] = reference_of(make(still, rng) for _ in range(PICTURES))
    return _models[key]


def _orb(model: Model, now: Grey, least: int) -> tuple[Matrix | None, float]:
    start, end = matched(model.features, found(now, None))
    if len(start) < 8:
        return None, 0.0
    matrix, inside = cv2.findHomography(start, end, cv2.USAC_MAGSAC, 3.0, maxIters=2000, confidence=0.999)
    if matrix is None or inside is None or inside.sum() < least:
        return None, 0.0
    return np.asarray(matrix, np.float64), hull_share(start[inside.ravel() > 0], SIZE)


def _transform(matrix: Matrix | None) -> Transform | None:
    if matrix is None or not is_plausible(matrix, SIZE):
        return None
    try:
        return of_pixels(matrix, SIZE)
    except Invalid:
        return None


def told(rows: dict[str, Answers]) -> str:
    """A table."""
    heads = ("answered", "corner p50 / p95 / most px", "zone p50 / p95 px", "wrong (≥ 8 px)", "CPU p50 / p95 ms")
    lines = [f"| weather | {' | '.join(heads)} |", "|---|---|---|---|---|---|"]
    for name, row in rows.items():
        corner = "- | -" if not row.corner else (
            f"{_at(row.corner, 50):.2f} / {_at(row.corner, 95):.2f} / {max(row.corner):.2f} "
            f"| {_at(row.zone, 50):.2f} / {_at(row.zone, 95):.2f}"
        )  # fmt: skip
        wrong = sum(error >= WRONG_PX for error in row.corner)
        cpu = f"{_at(row.cpu_ms, 50):.0f} / {_at(row.cpu_ms, 95):.0f}"
        lines.append(f"| {name} | {len(row.corner)} of {row.asked} | {corner} | {wrong} | {cpu} |")
    return "\n".join(lines)


def merged(rows: dict[str, Answers]) -> Answers:
    """All weathers together."""
    whole = Answers()
    for row in rows.values():
        whole.asked += row.asked
        whole.corner, whole.zone = whole.corner + row.corner, whole.zone + row.zone
        whole.cpu_ms = whole.cpu_ms + row.cpu_ms
    return whole


def _at(values: list[float], percent: float) -> float:
    return float(np.percentile(values, percent))


def main() -> None:
    """The tables of docs/ref/bench-drift.md."""
    parser = argparse.ArgumentParser(prog="python -m bench.drift", description=__doc__.partition("\n")[0])
    parser.add_argument("--each", type=int, default=60, help="positives for each weather")
    parser.add_argument("--negatives", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=7, help="of the negatives")
    parser.add_argument("--methods", action="store_true", help="compare the methods too")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    scenes = canvases()
    when = datetime.now(UTC).date().isoformat()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    print(f"{when}, {machine}, Python {platform.python_version()}, OpenCV {cv2.__version__}; {len(scenes)} scenes\n")
    if options.each:
        for change, title in (
            ("", "nothing in the way"),
            ("crowd", "10 people in the way, unnoticed"),
            ("0.4", "40 % hidden"),
            ("0.7", "70 % hidden"),
        ):
            rows = positives(scenes, ours, options.each, change)
            print(f"## {title}\n\n{told({**rows, 'all': merged(rows)})}\n", flush=True)
    if options.methods:
        for change in ("", "0.7"):
            rows = {
                name: merged(positives(scenes, method, options.each // 2, change)) for name, method in METHODS.items()
            }
            print(f"## Methods, {'70 % hidden' if change else 'nothing in the way'}\n\n{told(rows)}\n", flush=True)
    if options.negatives:
        print("## Negatives\n\n| what | cases | wrong moves | a person asked | one estimate alone wrong |")
        print("|---|---|---|---|---|")
        for name, row in negatives(scenes, options.negatives, options.seed).items():
            print(f"| {name} | {row.cases} | {row.wrong} | {row.asked} | {row.single} |")


if __name__ == "__main__":
    main()
