"""Renders the loops that the development server plays: `python ui/dev/media.py`. Needs PyAV, numpy, scikit-image."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import skimage.data
import skimage.transform

OUT = Path(__file__).parent.parent / "node_modules" / ".mock"
WIDTH, HEIGHT, FPS, SECONDS = 960, 540, 15, 20
SCENES = {"door": (52, 66, 88), "yard": (70, 84, 70), "shop": (104, 92, 78), "garage": (60, 60, 66)}


def backdrop(base: tuple[int, int, int], seed: int) -> np.ndarray:
    """A floor, a wall and some shelves; uint8 [HEIGHT, WIDTH, 3], RGB."""
    rng = np.random.default_rng(seed)
    picture = np.empty((HEIGHT, WIDTH, 3), np.float32)
    shade = np.linspace(1.15, 0.7, HEIGHT)[:, None]
    for channel in range(3):
        picture[..., channel] = base[channel] * shade
    picture[360:] *= np.linspace(0.9, 1.5, HEIGHT - 360)[:, None, None]
    for _ in range(9):
        x, y = int(rng.integers(0, WIDTH - 140)), int(rng.integers(60, 260))
        w, h = int(rng.integers(60, 150)), int(rng.integers(50, 110))
        picture[y : y + h, x : x + w] *= rng.uniform(0.6, 1.35)
        picture[y : y + 3, x : x + w] *= 1.3
    picture += rng.normal(0, 3, picture.shape)
    return picture.clip(0, 255).astype(np.uint8)


def render(name: str, seed: int) -> None:
    person = skimage.transform.resize(skimage.data.astronaut()[:400, 60:380], (260, 208), preserve_range=True)
    ground = backdrop(SCENES[name], seed)
    for kind, flags in (("live", "frag_every_frame"), ("rec", "frag_keyframe")):
        options = {"movflags": f"{flags}+empty_moov+default_base_moof"}
        with av.open(str(OUT / f"{name}.{kind}.mp4"), "w", format="mp4", options=options) as out:
            stream = out.add_stream("libx264", rate=FPS, options={"g": "30", "bf": "0", "preset": "fast", "crf": "30"})
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            for index in range(FPS * SECONDS):
                picture = ground.copy()
                x = int((WIDTH - 208) * (0.5 - 0.5 * np.cos(2 * np.pi * index / (FPS * SECONDS) + seed)))
                picture[230:490, x : x + 208] = person
                frame = av.VideoFrame.from_ndarray(picture, "rgb24")
                frame.pts = index
                for packet in stream.encode(frame):
                    out.mux(packet)
                if index == 40 and kind == "live":
                    frame.to_image().save(OUT / f"{name}.jpg")
            for packet in stream.encode():
                out.mux(packet)


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    for number, scene in enumerate(SCENES):
        render(scene, number)
        print(f"rendered {scene}")
