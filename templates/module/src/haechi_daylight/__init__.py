"""How dark a picture is, and where a light was switched on: a module for Haechi that needs no weights.

Nothing of Haechi is imported: what is shown has attributes, what is said are plain dictionaries.
"""

import json

import numpy as np

ROWS, COLUMNS = 9, 16
"""The picture is judged in so many parts."""
LEARN = 0.05
"""How much of each new picture goes into what is thought usual."""
BRIGHTER = 40.0
"""By so many of 255 levels a part must be brighter than usual to be called a light."""


class Daylight:
    """Keeps what is usual for each camera; that survives the process (`save`, `restore`)."""

    spec = {
        "name": "daylight",
        "version": "0.1.0",
        "licence": "Apache-2.0",
        "kind": "frame",
        "fps": 2,
        "size_px": (320, 180),
        "deadline_s": 0.5,
    }

    def __init__(self):
        self._usual = {}

    def look(self, batch):
        """One answer for each glimpse; they may be of different cameras."""
        return [self._one(glimpse) for glimpse in batch]

    def save(self, stream):
        usual = self._usual.get(stream)
        return b"" if usual is None else json.dumps(usual.round(2).tolist()).encode()

    def restore(self, stream, state):
        self._usual[stream] = np.array(json.loads(state), np.float64).reshape(ROWS, COLUMNS)

    def forget(self, stream):
        self._usual.pop(stream, None)

    def _one(self, glimpse):
        about = glimpse.about
        parts = brightness(glimpse.pictures[-1])
        usual = self._usual.get(about.stream, parts)
        self._usual[about.stream] = usual + LEARN * (parts - usual)
        darkness = 1.0 - float(parts.mean()) / 255.0
        score = {
            "name": "darkness",
            "value": darkness,
            "t0_ns": about.captured_ns,
            "t1_ns": about.captured_ns,
            "reasons": [f"mean brightness {parts.mean():.0f} of 255"],
        }
        return {"things": list(lights(parts - usual)), "scores": [score]}


def brightness(picture):
    """Mean brightness (0-255) of each part. ``picture``: height x width x 3, uint8, BGR."""
    grey = picture @ np.array([0.114, 0.587, 0.299])
    height, width = grey.shape[0] // ROWS * ROWS, grey.shape[1] // COLUMNS * COLUMNS
    return grey[:height, :width].reshape(ROWS, height // ROWS, COLUMNS, width // COLUMNS).mean(axis=(1, 3))


def lights(brighter):
    """The box around all parts that are much brighter than usual, in shares of the picture."""
    rows, columns = np.nonzero(brighter > BRIGHTER)
    if len(rows):
        left, top = columns.min() / COLUMNS, rows.min() / ROWS
        right, bottom = (columns.max() + 1) / COLUMNS, (rows.max() + 1) / ROWS
        yield {
            "label": "light",
            "score": min(1.0, float(brighter.max()) / 128.0),
            "box": (left, top, right - left, bottom - top),
        }


def make():
    """What the entry point names: called once, when the process starts. Load weights here."""
    return Daylight()
