"""How well faces are found, and painted: the cascade against the three networks, as two tables.

    python -m scripts.benchmark.faces [--size 512] [--strokes 200,500,1000]

Finding: the head of scikit-image's astronaut at known places, sizes and tilts in its other photographs; a find counts
if its centre is within half a face's width. False finds are all others, in those scenes and in photographs of textures.
People: the hundred faces of scikit-image's lfw_subset, many of them turned, 25 px each and four times enlarged.
Painting: PSNR and SSIM inside eyes and mouth (boxes of half a face's width about them) of paintings whose focus is
found by either, of the astronaut and of her tilted by 45 degrees.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as painter.cli has it, before torch is imported

import cv2
import numpy as np
from skimage import data
from skimage.metrics import structural_similarity

from painter import PaintConfig, paint
from painter.pictures.face_networks import find_face_landmarks
from painter.pictures.focus import find_faces
from painter.pictures.pixels import LUMINANCE
from painter.pictures.resizing import fit_size, resize_image

FACE = (224.0, 115.0, 98.0)  # of astronaut(): centre x, y and width
PARTS = np.array([(202.0, 100.0), (248.0, 102.0), (222.0, 142.0)])  # eyes and mouth there
SCENES = ("coffee", "chelsea", "rocket", "hubble_deep_field", "immunohistochemistry")
TEXTURES = ("brick", "grass", "gravel", "text", "coins", "page", "moon", "clock")
PEOPLE = 100  # of lfw_subset, which begins with its faces
TURNED = (14, 24, 30, 31, 39, 40, 42, 43, 46, 48, 57, 67, 74, 75, 78, 84, 89, 99)  # of them, half away, by our eyes
SIZES, TILTS = (1 / 6, 1 / 12, 1 / 18, 1 / 25), (0, 20, -20, 45, -45)
Finder = Callable[[np.ndarray], list[tuple[float, float]]]


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture with one known face."""

    image: np.ndarray  # [H, W, 3] float32
    turn: np.ndarray  # [2, 3], from astronaut() to it
    size: float  # of the face, parts of the long side
    tilt: int  # degrees

    def place(self, x: float, y: float) -> np.ndarray:
        found: np.ndarray = self.turn @ (x, y, 1.0)
        return found


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=512, help="long side, pixels (%(default)s)")
    parser.add_argument(
        "--strokes", default="200,500,1000", help="of the paintings (%(default)s); none for no paintings"
    )
    options = parser.parse_args()
    print_finds(options.size)
    print_people()
    if options.strokes != "none":
        print_paintings(options.size, [int(count) for count in options.strokes.split(",")])


def photo(name: str, size: int) -> np.ndarray:
    image = getattr(data, name)()
    image = (image if image.ndim == 3 else np.dstack([image] * 3))[..., :3].astype(np.float32) / 255
    rows, columns = image.shape[:2]
    return resize_image(image, *fit_size(rows, columns, size))


def composed(scene: np.ndarray, size: float, tilt: int, centre: tuple[float, float]) -> Scene:
    """The head in a scene, centred at parts of its sides."""
    height, width = scene.shape[:2]
    x, y, across = FACE
    turn = cv2.getRotationMatrix2D((x, y), -tilt, size * max(height, width) / across)
    turn[:, 2] += (centre[0] * width - x, centre[1] * height - y)
    head = np.zeros((512, 512), np.float32)
    cv2.ellipse(head, (224, 100), (92, 112), 0, 0, 360, 1.0, -1)
    woman = data.astronaut().astype(np.float32) / 255
    mask, seen = (cv2.warpAffine(one, turn, (width, height), flags=cv2.INTER_AREA) for one in (head, woman))
    return Scene(scene * (1 - mask[..., None]) + seen * mask[..., None], turn, size, tilt)


def scenes(side: int) -> Iterator[Scene]:
    rng = np.random.default_rng(0)
    for name in SCENES:
        scene = photo(name, side)
        for size in SIZES:
            for tilt in TILTS:
                x, y = rng.uniform(0.3, 0.7, 2)
                yield composed(scene, size, tilt, (float(x), float(y)))


def by_cascade(image: np.ndarray) -> list[tuple[float, float]]:
    return [(x + width / 2, y + height / 2) for x, y, width, height in find_faces(image)]


def by_networks(image: np.ndarray) -> list[tuple[float, float]]:
    return [(face.x, face.y) for face in find_face_landmarks(image)]


def print_finds(side: int) -> None:
    """Recall by size and by tilt, false finds and seconds, of both."""
    made = list(scenes(side))
    columns = [f"1/{round(1 / size)}" for size in SIZES] + ["upright", "20°", "45°"]
    print("| finder | " + " | ".join(columns) + " | false, in scenes | false, in textures | CPU s a picture |")
    print("|" + "---|" * (len(columns) + 4))
    for name, finder in (("cascade", by_cascade), ("networks", by_networks)):
        start = time.process_time()
        hits, wrong = zip(*(judged(finder(scene.image), scene) for scene in made), strict=True)
        seconds = (time.process_time() - start) / len(made)
        groups = [[hit for hit, scene in zip(hits, made, strict=True) if scene.size == size] for size in SIZES]
        groups += [
            [hit for hit, scene in zip(hits, made, strict=True) if abs(scene.tilt) == tilt] for tilt in (0, 20, 45)
        ]
        recall = [f"{100 * np.mean(group):.0f} %" for group in groups]
        others = sum(len(finder(photo(texture, side))) for texture in TEXTURES)
        print(
            f"| {name} | {' | '.join(recall)} | {sum(wrong)} of {len(made)} | "
            f"{others} of {len(TEXTURES)} | {seconds:.2f} |"
        )


def print_people() -> None:
    """How many of a hundred people's faces both find, each alone on grey; and of those who are half turned away."""
    found: dict[str, list[int]] = {"cascade": [], "networks": []}
    for person, grey in enumerate(data.lfw_subset()[:PEOPLE].astype(np.float32)):
        face = cv2.resize(grey, (100, 100), interpolation=cv2.INTER_CUBIC)
        image = np.pad(face, 78, constant_values=float(face.mean())).clip(0, 1)
        rgb = np.repeat(image[..., None], 3, axis=2)
        for name, finder in (("cascade", by_cascade), ("networks", by_networks)):
            if any(max(abs(x - 128), abs(y - 128)) < 50 for x, y in finder(rgb)):
                found[name].append(person)
    for whom, those in ((f"{PEOPLE} people", range(PEOPLE)), (f"the {len(TURNED)} who are half turned away", TURNED)):
        print(f"of {whom}: " + ", ".join(f"{name} {len(set(those) & set(who))}" for name, who in found.items()))


def judged(found: list[tuple[float, float]], scene: Scene) -> tuple[bool, int]:
    """Whether the face is among the finds, and how many are none."""
    reach = scene.size * max(scene.image.shape[:2]) / 2
    near = [float(np.hypot(*(np.array(one) - scene.place(*FACE[:2])))) < reach for one in found]
    return any(near), sum(not one for one in near)


def print_paintings(side: int, counts: list[int]) -> None:
    """PSNR and SSIM inside eyes and mouth, with the focus of either."""
    print("| picture, strokes | dB: cascade, networks | SSIM: cascade, networks | dB over all: cascade, networks |")
    print("|---|---|---|---|")
    for name, size, tilt in (
        ("face of 1/6", 1 / 6, 0),
        ("face of 1/18", 1 / 18, 0),
        ("face of 1/6, tilted", 1 / 6, 45),
    ):
        scene = composed(photo("coffee", side), size, tilt, (0.45, 0.4))
        for count in counts:
            rows = []
            for detector in ("cascade", ""):
                os.environ["IMPASTO_FACES"] = detector
                picture = np.rint(np.clip(scene.image, 0, 1) * 255).astype(np.uint8)
                result = paint(picture, PaintConfig(strokes=count, size=side, texture=0.0))
                rows.append((*likeness(result.image, picture, scene), result.report["psnr"]))
            pairs = [", ".join(f"{row[k]:.2f}" for row in rows) for k in range(3)]
            print(f"| {name}, {count} | {' | '.join(pairs)} |", flush=True)


def likeness(image: np.ndarray, picture: np.ndarray, scene: Scene) -> tuple[float, float]:
    """PSNR in dB and the mean SSIM of luminance, inside eyes and mouth."""
    reach = max(4, round(scene.size * max(picture.shape[:2]) / 4))
    errors, similar = [], []
    for part in PARTS:
        x, y = (round(float(value)) for value in scene.place(*part))
        box = np.s_[y - reach : y + reach, x - reach : x + reach]
        ours, theirs = (one[box].astype(np.float64) for one in (image, picture))
        errors.append(float(np.square(ours - theirs).mean()) / 255**2)
        window = min(7, 2 * reach - 1)
        similar.append(structural_similarity(ours @ LUMINANCE, theirs @ LUMINANCE, data_range=255, win_size=window))
    return -10 * float(np.log10(np.mean(errors))), float(np.mean(similar))


if __name__ == "__main__":
    main()
