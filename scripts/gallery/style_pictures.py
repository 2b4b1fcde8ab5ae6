"""Styles that are drawn here, for galleries and benchmarks: uint8 [512, 512, 3] each."""

from __future__ import annotations

import cv2
import numpy as np
from skimage import data

SIDE = 512
_TILE = 16


def mosaic() -> np.ndarray:
    """Rings of uneven tiles with light seams."""
    rng = np.random.default_rng(3)
    image = np.full((SIDE, SIDE, 3), (225, 220, 205), np.uint8)
    colors = [(28, 60, 110), (200, 150, 60), (170, 50, 40), (240, 230, 200), (60, 110, 100), (110, 70, 40)]
    corners = np.array([(1, 1), (_TILE - 2, 1), (_TILE - 2, _TILE - 2), (1, _TILE - 2)])
    for top in range(0, SIDE, _TILE):
        for left in range(0, SIDE, _TILE):
            ring = np.hypot(left / SIDE - 0.5, top / SIDE - 0.5) * 9 + np.sin(left / 60) * 0.7
            color = np.array(colors[int(ring + rng.normal(0, 0.35)) % 6]) * rng.uniform(0.8, 1.15)
            tile = corners + np.array([left, top]) + rng.integers(-1, 2, (4, 2))
            cv2.fillConvexPoly(image, tile.astype(np.int32), _ink(color), cv2.LINE_AA)
    return image


def woodcut() -> np.ndarray:
    """Black lines of changing width along hills, on warm paper, with a red sun."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    image = np.full((SIDE, SIDE, 3), (236, 222, 190), np.float32)
    image[np.hypot(x - 0.7, y - 0.28) < 0.14] = (196, 52, 38)
    hills = y + 0.08 * np.sin(7 * x) + 0.04 * np.sin(17 * x + 1)
    ink = np.sin(2 * np.pi * 26 * hills) > 1.5 - 2.4 * np.clip(hills, 0, 1)
    image[ink & (hills > 0.2)] = (24, 20, 22)
    return cv2.GaussianBlur(image, (0, 0), 0.7).astype(np.uint8)


def cubes() -> np.ndarray:
    """Large shaded planes with dark contours, in ochre, grey and blue."""
    rng = np.random.default_rng(8)
    image = np.full((SIDE, SIDE, 3), (150, 130, 100), np.uint8)
    colors = [(196, 160, 98), (120, 110, 96), (84, 102, 128), (222, 206, 170), (70, 58, 50), (160, 84, 52)]
    for _ in range(90):
        centre, angle = rng.random(2) * SIDE, rng.random() * np.pi
        sides = rng.uniform(30, 110, 2)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        plane = (np.array([(-1, -1), (1, -1), (0.7, 1), (-0.8, 0.9)]) * sides) @ turn.T + centre
        layer = np.zeros_like(image)
        color = np.array(colors[rng.integers(6)])
        cv2.fillConvexPoly(layer, plane.astype(np.int32), (255, 255, 255))
        ramp = np.clip((np.mgrid[:SIDE, :SIDE] - centre[::-1, None, None])[rng.integers(2)] / 160, -0.35, 0.35)
        shaded = np.clip(color * (1 + ramp[..., None]), 0, 255)
        image = np.where(layer > 0, shaded, image).astype(np.uint8)
        cv2.polylines(image, [plane.astype(np.int32)], True, (26, 22, 24), 4, cv2.LINE_AA)
    return image


def pointillist() -> np.ndarray:
    """Dots of pure colours, mixed by the eye: warm below, cool above."""
    rng = np.random.default_rng(5)
    image = np.full((SIDE, SIDE, 3), (244, 240, 228), np.uint8)
    cool = [(64, 120, 180), (120, 190, 210), (230, 230, 250), (150, 120, 190)]
    warm = [(230, 170, 50), (200, 80, 60), (90, 140, 60), (250, 220, 130)]
    for _ in range(15000):
        place = rng.random(2) * SIDE
        colors = warm if place[1] / SIDE + rng.normal(0, 0.15) > 0.5 else cool
        cv2.circle(
            image, (int(place[0]), int(place[1])), int(rng.integers(2, 5)), colors[rng.integers(4)], -1, cv2.LINE_AA
        )
    return image


def tissue() -> np.ndarray:
    """scikit-image's stained tissue, by its microscope."""
    picture: np.ndarray = data.immunohistochemistry()
    return picture


def _ink(color: np.ndarray) -> tuple[float, ...]:
    return tuple(float(channel) for channel in np.clip(color, 0, 255))
