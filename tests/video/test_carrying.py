"""Motion: what changed, where it went, how strokes are carried; values against slow references."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.clips import HEIGHT, WIDTH, pan, random_strokes, square, texture

from painter.search.maps import stroke_maps
from painter.search.target import Target
from painter.search.view import Runtime, View
from painter.video import carrying
from painter.video.camera import Camera, camera_motion
from painter.video.carrying import Boxes, carried, fit_motion, share_within
from painter.video.clip_config import ClipConfig
from painter.video.motion import Motion, changed_pixels, flow_between, follow_motion, noise_level, pulled, unseen
from painter.video.visibility import visible_shares
from renderers.brushes import BRUSHES
from renderers.strokes import Strokes

PIXEL = 1 / WIDTH
EVERYWHERE = np.ones((HEIGHT, WIDTH), bool)
STYLES = ("oilpaintbrush", "watercolor", "markerpen", "rectangle")


def motion_of(flow: np.ndarray, covered: np.ndarray | None = None, camera: Camera | None = None) -> Motion:
    everywhere, nowhere = np.ones(flow.shape[:2], bool), np.zeros(flow.shape[:2], bool)
    picture, error = np.zeros((*flow.shape[:2], 3), np.float32), np.zeros(flow.shape[:2], np.float32)
    return Motion(everywhere, picture, flow, nowhere, nowhere if covered is None else covered, error, 0.0, 0.0, camera)


def floats(frame: np.ndarray) -> np.ndarray:
    return frame.astype(np.float32) / 255


def similarity_flow(a: float, b: float, shift: tuple[float, float]) -> np.ndarray:
    """Of the similarity c + r -> c + shift + r + (a·r + b·r⊥) about the canvas' middle."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    x, y = x - WIDTH / 2, y - HEIGHT / 2
    return np.stack([shift[0] + a * x - b * y, shift[1] + b * x + a * y], axis=2).astype(np.float32)


# --- motion -------------------------------------------------------------------------------------------------


def test_flow_finds_a_shift_and_what_came_in() -> None:
    before, after = (floats(frame) for frame in pan(2, 3))
    forward, backward = flow_between(before, after), flow_between(after, before)
    inner = (slice(8, -8), slice(12, -12))
    assert np.abs(forward[inner] - [-3, 0]).mean() < 0.15
    assert np.abs(pulled(before, backward)[inner] - after[inner]).mean() < 0.02
    exposed = unseen(forward, backward)
    assert exposed[:, -2:].mean() > 0.9 and exposed[inner].mean() < 0.05
    assert not unseen(forward, backward, borders=False)[:, -2:].all()


def test_flow_does_not_depend_on_the_number_of_threads() -> None:
    import cv2

    before, after = (floats(frame) for frame in pan(2))
    threads = cv2.getNumThreads()
    try:
        flows = []
        for count in (1, 2):
            cv2.setNumThreads(count)
            flows.append(flow_between(before, after))
            assert cv2.getNumThreads() == count
    finally:
        cv2.setNumThreads(threads)
    assert np.array_equal(flows[0], flows[1])


def test_noise_is_measured_and_never_chased() -> None:
    clean = floats(texture(0, 96, 128))
    rng = np.random.default_rng(0)
    first, second = (clean + rng.normal(0, 4 / 255, clean.shape).astype(np.float32) for _ in range(2))
    sigma = noise_level(first, second)
    assert sigma == pytest.approx(4 / 255 / np.sqrt(3), rel=0.15)  # of the mean of three channels
    assert not changed_pixels(first, second, sigma, ClipConfig()).any()
    second[40:60, 50:80] += 0.2
    changed = changed_pixels(first, second, sigma, ClipConfig())
    assert changed[42:58, 52:78].all() and changed.mean() < 0.2


def test_a_square_covers_and_uncovers() -> None:
    before, after = (floats(frame) for frame in square(2))
    motion = follow_motion(before, after, np.abs(after - before).max(axis=2) > 0, ClipConfig())
    assert motion.exposed[14:30, 6:9].mean() > 0.5  # the strip that it leaves
    assert motion.exposed[:, 40:].sum() == 0
    assert motion.lost < 0.3 and not motion.forward[:, 40:].any()


# --- carrying -----------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
def test_strokes_move_by_a_known_pan(style: str) -> None:
    strokes = random_strokes(style, 12)
    flow = np.broadcast_to(np.array([2.0, -1.0], np.float32), (HEIGHT, WIDTH, 2)).copy()
    fits = fit_motion(Boxes.of(strokes, PIXEL), strokes.opacity.numpy(), motion_of(flow), ClipConfig())
    there = ~fits.boxes.off((HEIGHT, WIDTH))
    assert there.sum() > 6
    assert fits.similarity[there] == pytest.approx(np.tile([2.0, -1.0, 0.0, 0.0], (there.sum(), 1)), abs=1e-5)
    moved = carried(strokes, fits.similarity, PIXEL)
    for name, values in strokes.params.items():
        by = {"x": 2 * PIXEL, "y": -PIXEL}.get(name[0], 0.0)
        assert moved.params[name][there].numpy() == pytest.approx((values + by)[there].numpy(), abs=1e-5), name
    assert torch.equal(moved.seed, strokes.seed) and torch.equal(moved.colors, strokes.colors)


@pytest.mark.parametrize("style", STYLES)
def test_strokes_turn_and_grow(style: str) -> None:
    a, b = 1.08 * np.cos(0.1) - 1, 1.08 * np.sin(0.1)
    strokes = random_strokes(style, 30)
    before = Boxes.of(strokes, PIXEL)
    large = (before.half.min(axis=1) > 4) & ~before.off((HEIGHT, WIDTH))
    strokes = strokes[torch.from_numpy(large)]
    before = Boxes.of(strokes, PIXEL)
    flow = similarity_flow(a, b, (1.0, 0.5))
    fits = fit_motion(Boxes.of(strokes, PIXEL), np.ones(len(strokes)), motion_of(flow), ClipConfig(ridge=0.0))
    assert fits.similarity[:, 2:] == pytest.approx(np.tile([a, b], (len(strokes), 1)), abs=1e-4)
    after = Boxes.of(carried(strokes, fits.similarity, PIXEL), PIXEL)
    rx, ry = (before.center - [WIDTH / 2, HEIGHT / 2]).T
    wanted = before.center + np.stack([1.0 + a * rx - b * ry, 0.5 + b * rx + a * ry], axis=1)
    assert after.center == pytest.approx(wanted, abs=1e-3)
    assert after.half == pytest.approx(1.08 * before.half, rel=1e-3)
    c, s = np.cos(0.1), np.sin(0.1)
    turned = before.axis @ np.array([[c, s], [-s, c]])
    assert np.abs((after.axis * turned).sum(axis=1)) == pytest.approx(np.ones(len(strokes)), abs=1e-4)


def plain_sums(boxes: Boxes, opacity: np.ndarray, motion: Motion, fit: np.ndarray, tau: float) -> np.ndarray:
    """What `carrying._sums` fills, by whole pictures."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    light, sums = np.ones((HEIGHT, WIDTH)), np.zeros((len(opacity), 10))
    for n in range(len(opacity) - 1, -1, -1):
        (cx, cy), (c, s), half = boxes.center[n], boxes.axis[n], boxes.half[n]
        rx, ry = x - cx, y - cy
        along, across = np.abs(rx * c + ry * s), np.abs(ry * c - rx * s)
        padded = (along <= max(half[0], carrying.PAD)) & (across <= max(half[1], carrying.PAD))
        w = (light * opacity[n] + carrying.FAINT) * np.where(motion.covered, carrying.UNKNOWN, 1.0) * padded
        dx, dy = motion.forward[..., 0].astype(float), motion.forward[..., 1].astype(float)
        if tau > 0:
            t = fit[n]
            ex, ey = t[0] + t[2] * rx - t[3] * ry - dx, t[1] + t[3] * rx + t[2] * ry - dy
            w = w / (1 + (ex**2 + ey**2) / tau**2)
        terms = (
            w,
            w * rx,
            w * ry,
            w * (rx**2 + ry**2),
            w * dx,
            w * dy,
            w * (rx * dx + ry * dy),
            w * (rx * dy - ry * dx),
        )
        sums[n] = [*(term.sum() for term in terms), padded.sum(), (padded & motion.changed).sum()]
        light = np.where((along <= half[0]) & (across <= half[1]), light * (1 - opacity[n]), light)
    return sums


@pytest.mark.parametrize("tau", [0.0, 1.5])
def test_the_sums_are_those_of_a_slow_reference(tau: float) -> None:
    rng = np.random.default_rng(5)
    strokes = random_strokes("oilpaintbrush", 10)
    boxes, opacity = Boxes.of(strokes, PIXEL), strokes.opacity.double().numpy()
    motion = motion_of(rng.normal(0, 1, (HEIGHT, WIDTH, 2)).astype(np.float32), rng.random((HEIGHT, WIDTH)) < 0.2)
    fit, sums = rng.normal(0, 0.1, (10, 4)), np.zeros((10, 10))
    masks = (motion.changed.astype(float), motion.covered.astype(float))
    carrying._sums(boxes.center, boxes.axis, boxes.half, opacity, motion.forward.astype(float), *masks, fit, tau, sums)
    assert sums == pytest.approx(plain_sums(boxes, opacity, motion, fit, tau), rel=1e-9, abs=1e-9)


def test_small_strokes_turn_with_the_camera() -> None:
    camera = Camera(np.array([[1.02, -0.05, 0.0], [0.05, 1.02, 0.0]]))
    whole = motion_of(similarity_flow(0.02, 0.05, (2.0, -1.0)), camera=camera)
    strokes = random_strokes("rectangle", 20)
    fits = fit_motion(Boxes.of(strokes, PIXEL), strokes.opacity.numpy(), whole, ClipConfig())
    there = ~fits.boxes.off((HEIGHT, WIDTH))
    assert fits.similarity[there, 2:] == pytest.approx(np.tile([0.02, 0.05], (there.sum(), 1)), abs=1e-4)


# --- the camera ---------------------------------------------------------------------------------------------


def test_the_camera_is_found_beside_what_moves_otherwise() -> None:
    wanted = similarity_flow(0.02, 0.05, (2.0, -1.0))
    flow = wanted.copy()
    flow[10:20, 30:45] = 9.0
    camera = camera_motion(floats(texture())[..., 0], flow, EVERYWHERE)
    assert camera is not None
    assert camera.turn == pytest.approx((0.02, 0.05), abs=2e-3)
    assert np.abs(camera.flow(HEIGHT, WIDTH) - wanted).max() < 0.1
    there = np.array([[20.0, 30.0]]) + camera.flow(HEIGHT, WIDTH)[30, 20]
    back = camera.inverse().matrix @ [*there[0], 1]
    assert back == pytest.approx([20.0, 30.0], abs=1e-4)


def test_there_is_no_camera_where_things_move_apart_or_nothing_does_or_nothing_can_be_followed() -> None:
    grey = floats(texture())[..., 0]
    apart = similarity_flow(0.0, 0.05, (0.0, 0.0))
    apart[:, : WIDTH // 2] = 6.0
    assert camera_motion(grey, apart, EVERYWHERE) is None
    assert camera_motion(grey, np.zeros_like(apart), EVERYWHERE) is None
    assert camera_motion(np.full_like(grey, 0.5), similarity_flow(0.02, 0.05, (2.0, -1.0)), EVERYWHERE) is None


def test_where_nothing_can_be_followed_the_picture_goes_with_the_camera() -> None:
    wide = texture(4, HEIGHT, WIDTH + 3)
    wide[:24] = 40  # no texture at all
    before, after = floats(wide[:, 3:]), floats(wide[:, :-3])
    motion = follow_motion(before, after, np.abs(after - before).max(axis=2) > 0, ClipConfig())
    assert motion.camera is not None
    assert np.abs(motion.forward - [3, 0]).max() < 0.3
    assert motion.changed.mean() > 0.95  # there, too
    assert motion.exposed[:, 4:].mean() < 0.02


def test_what_moves_before_a_camera_keeps_its_own_flow() -> None:
    frames = []
    for t in range(2):
        frame = texture(4, 96, 136)[:, 3 * t : 3 * t + 128].copy()
        frame[30:62, 40 + 3 * t : 72 + 3 * t] = texture(5, 32, 32)
        frames.append(floats(frame))
    motion = follow_motion(frames[0], frames[1], np.ones((96, 128), bool), ClipConfig())
    assert motion.camera is not None
    assert np.abs(motion.forward[38:54, 48:64] - [3, 0]).mean() < 0.3
    assert np.abs(motion.forward[70:90, 20:110] - [-3, 0]).mean() < 0.1


# --- strokes ------------------------------------------------------------------------------------------------


def test_a_stroke_that_moves_otherwise_than_a_few_pixels_below_it_is_not_misled() -> None:
    flow = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    flow[:, 40:] = (9.0, 0.0)
    tools = BRUSHES["rectangle"]
    values = (
        torch.tensor([[32 / WIDTH, 24 / WIDTH]]),
        *(torch.tensor([v]) for v in (0.0, 24 / WIDTH, 10 / WIDTH, 0.0)),
    )
    strokes = Strokes("rectangle", tools.place(*values), torch.ones(1, 1, 3), torch.ones(1), torch.zeros(1).long())
    plain, robust = (
        fit_motion(Boxes.of(strokes, PIXEL), np.ones(1), motion_of(flow), ClipConfig(taus=taus, ridge=1e9)).similarity[
            0, 0
        ]
        for taus in ((0.0,), (0.0, 1.5, 0.7, 0.7))
    )
    assert abs(robust) < 0.15 < 1.0 < plain


@pytest.mark.slow
def test_shares_within_a_mask() -> None:
    strokes = random_strokes("rectangle", 8)
    boxes = Boxes.of(strokes, PIXEL)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    mask = (x > 30).astype(np.float32)
    for n, share in enumerate(share_within(boxes, mask)):
        rx, ry = x - boxes.center[n, 0], y - boxes.center[n, 1]
        c, s = boxes.axis[n]
        inside = (np.abs(rx * c + ry * s) <= boxes.half[n, 0]) & (np.abs(ry * c - rx * s) <= boxes.half[n, 1])
        assert share == pytest.approx(mask[inside].mean() if inside.any() else 0.0)


@pytest.mark.parametrize("style", ["rectangle", "oilpaintbrush"])
def test_what_is_seen_of_a_stroke(style: str) -> None:
    """Against the canvas with each stroke a little brighter."""
    view = View(
        Target(np.zeros((HEIGHT, WIDTH, 3), np.float32), np.ones(3, np.float32)), Runtime(torch.device("cpu"), "cpu")
    )
    maps = stroke_maps(style, "cpu", "cpu")
    strokes = random_strokes(style, 6)
    shares = visible_shares(view.layers(strokes, maps), (HEIGHT, WIDTH))
    assert ((shares >= 0) & (shares <= 1)).all()

    def brighter(some: Strokes, n: int) -> float:
        lit = some.colors.clone()
        lit[n] += 0.5
        changed = Strokes(some.brush, some.params, lit, some.opacity, some.seed)
        return float((view.render(changed, maps) - view.render(some, maps)).double().sum())

    for n in range(6):
        alone = brighter(strokes[n : n + 1], 0)
        inside = ~Boxes.of(strokes[n : n + 1], view.pixel).off((HEIGHT, WIDTH))
        reach = Boxes.of(strokes[n : n + 1], view.pixel)
        whole = (reach.center - reach.reach > 0).all() and (reach.center + reach.reach < [WIDTH, HEIGHT]).all()
        if inside.all() and whole and alone > 1:
            assert shares[n] == pytest.approx(brighter(strokes, n) / alone, abs=0.04)


def test_the_camera_takes_along_what_changed_too_little_to_tell_unless_it_stands_still() -> None:
    wide = texture(4, HEIGHT, WIDTH + 3)
    before, after = floats(wide[:, 3:]), floats(wide[:, :-3])
    changed = np.ones((HEIGHT, WIDTH), bool)
    changed[: 2 * HEIGHT // 3] = False
    motion = follow_motion(before, after, changed, ClipConfig())
    assert motion.camera is not None
    assert np.abs(motion.forward - [3, 0]).max() < 1 and motion.changed.mean() > 0.95
    assert motion.exposed.sum() == pytest.approx(3 * HEIGHT, rel=0.1)
    after[~changed] = before[~changed]
    motion = follow_motion(before, after, changed, ClipConfig())
    assert motion.camera is None
    assert not motion.forward[~changed].any() and not motion.changed[~changed].any()
