"""The default detector finds the people of the demo scenes, in what comes out of the encoder."""

import av
import cv2
import numpy as np
import pytest

from haechi.camera.virtual.render import Box, Renderer, encode
from haechi.camera.virtual.scene import FPS, SCENES, Scene
from haechi.vision.detectors import Detector, DetectorSetup, open_detector
from haechi.vision.result import Detection
from tests.vision.scenes import models


@pytest.fixture(scope="module")
def detector() -> Detector:
    store = models("picodet-s")
    artefact = store.artefact("picodet-s")
    files = {name: str(path) for name, path in store.files("picodet-s").items()}
    setup = DetectorSetup(
        artefact.name, artefact.kind, artefact.version, artefact.licence, artefact.model_hash, files, threads=2
    )
    return open_detector(setup)


def overlap(box: Box, found: Detection) -> float:
    """Intersection over union."""
    wide = min(box.x + box.w, found.x + found.w) - max(box.x, found.x)
    high = min(box.y + box.h, found.y + found.h) - max(box.y, found.y)
    shared = max(wide, 0.0) * max(high, 0.0)
    return shared / (box.w * box.h + found.w * found.h - shared)


def best_score(box: Box, found: tuple[Detection, ...]) -> float:
    return max((one.score for one in found if one.label == "person" and overlap(box, one) > 0.5), default=0.0)


@pytest.mark.slow
@pytest.mark.parametrize("what", SCENES, ids=lambda what: what.name)
def test_most_people_are_found_where_they_are_and_nobody_where_nobody_is(what: Scene, detector: Detector) -> None:
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    renderer, frames = Renderer(what), range(0, what.frames, 2 * FPS)
    packets = [av.Packet(picture.data) for picture in encode(what, frames)]
    pictures = [decoded for packet in [*packets, None] for decoded in decoder.decode(packet)]
    scores: list[float] = []
    invented = 0
    for frame, decoded in zip(frames, pictures, strict=True):
        small = cv2.resize(decoded.to_ndarray(format="bgr24"), (416, 416))
        found = detector.detect([np.asarray(small, np.uint8)])[0]
        everybody = renderer.boxes(frame)
        scores += [best_score(box, found) for box in everybody if box.x > 0.01 and box.x + box.w < 0.99]
        people = [one for one in found if one.label == "person" and one.score > 0.6]
        invented += sum(all(overlap(box, one) < 0.3 for box in everybody) for one in people)
    assert np.mean(np.array(scores) >= 0.6) > 0.8, sorted(scores)[:8]
    assert invented == 0
