"""The module, without Haechi: what it is shown are plain values."""

from types import SimpleNamespace

import numpy as np
from haechi_daylight import make


def glimpse(picture, stream="cam/main", at_ns=0):
    about = SimpleNamespace(
        stream=stream, run=1, seq=0, pts=0, captured_ns=at_ns, width_px=picture.shape[1], height_px=picture.shape[0]
    )
    return SimpleNamespace(about=about, pictures=(picture,), abouts=(about,), things=())


def even(level):
    return np.full((180, 320, 3), level, np.uint8)


def test_a_black_picture_is_dark_and_a_white_one_is_not():
    black, white = make().look([glimpse(even(0), "a"), glimpse(even(255), "b")])
    assert black["scores"][0]["value"] == 1.0
    assert white["scores"][0]["value"] < 0.01


def test_a_lamp_that_is_switched_on_is_a_light_where_it_is():
    module, lit = make(), even(20)
    lit[100:140, 160:240] = 250
    module.look([glimpse(even(20))])
    (answer,) = module.look([glimpse(lit)])
    (light,) = answer["things"]
    x, y, w, h = light["box"]
    assert light["label"] == "light"
    assert (x, x + w) == (0.5, 0.75)
    assert y <= 100 / 180 and y + h >= 140 / 180


def test_what_is_usual_survives_the_process():
    before, after, lit = make(), make(), even(200)
    before.look([glimpse(lit)])
    after.restore("cam/main", before.save("cam/main"))
    (answer,) = after.look([glimpse(lit)])
    assert answer["things"] == []
