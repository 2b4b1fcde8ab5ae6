"""The paint order that is shown to people: the same picture, from ground to detail, without leaps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from renderers import order
from renderers.brushes import BRUSHES
from renderers.drawing import SPREAD, draw
from renderers.evaluation import random_strokes
from renderers.order import CLASS_STEP, PIXEL, arrange
from renderers.strokes import Strokes

NAMES = ("oilpaintbrush", "watercolor", "markerpen", "rectangle")
ALL = pytest.mark.parametrize("brush", NAMES)


def strokes_of(brush: str, count: int, seed: int = 0, shrink: float = 1.0) -> Strokes:
    """Random strokes of any opacity, made smaller where they are."""
    generator = torch.Generator().manual_seed(seed)
    strokes = random_strokes(BRUSHES[brush], count, generator)
    shape = BRUSHES[brush].resized(strokes.params, torch.full((count,), shrink))
    return Strokes(brush, shape, strokes.colors, 0.3 + 0.7 * torch.rand(count, generator=generator), strokes.seed)


def tapes(*places: tuple[float, float, float]) -> Strokes:
    """Square strokes, given as (x, y, side)."""
    x, y, side = torch.tensor(places).T.unsqueeze(2).unbind()
    shape = {"x": x[:, 0], "y": y[:, 0], "width": side[:, 0], "height": side[:, 0], "angle": 0 * x[:, 0]}
    count = len(places)
    return Strokes("rectangle", shape, torch.zeros(count, 1, 3), torch.ones(count), torch.zeros(count).long())


def doubles(strokes: Strokes) -> dict[str, torch.Tensor]:
    return {name: values.double() for name, values in strokes.params.items()}


def centers_of(strokes: Strokes) -> np.ndarray:
    return BRUSHES[strokes.brush].frame(doubles(strokes), SPREAD * PIXEL).center.numpy()


def classes_of(strokes: Strokes) -> np.ndarray:
    sizes = BRUSHES[strokes.brush].size(doubles(strokes)).numpy()
    classes: np.ndarray = np.floor(np.log(sizes.max() / sizes) / np.log(CLASS_STEP)).astype(int)
    return classes


def touching(strokes: Strokes, aspect: tuple[int, int]) -> np.ndarray:
    """[N, N] bool: no axis separates the boxes' corners, and their upright bounds meet on the canvas."""
    frame = BRUSHES[strokes.brush].frame(doubles(strokes), SPREAD * PIXEL)
    along = frame.axis.numpy()
    axes = np.stack([along, np.stack([-along[:, 1], along[:, 0]], axis=1)], axis=1)  # [N, 2, xy]
    half = frame.scale.numpy()[:, None] * frame.box.numpy() + PIXEL / 2
    signs = np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]])
    corners = frame.center.numpy()[:, None] + np.einsum("ks,ns,nsx->nkx", signs, half, axes)  # [N, 4, xy]
    spans = np.einsum("iax,jkx->iajk", axes, corners)
    low, high = spans.min(axis=3), spans.max(axis=3)  # of box j on axis a of box i
    number = np.arange(len(strokes))
    own_low, own_high = low[number, :, number][:, :, None], high[number, :, number][:, :, None]
    apart = ((low > own_high) | (high < own_low)).any(axis=1)
    edge = np.array(aspect[::-1]) / max(aspect) + PIXEL
    first, last = corners.min(axis=1).clip(min=0), np.minimum(corners.max(axis=1), edge)
    beside = (first[:, None] > last[None]).any(axis=2)
    both: np.ndarray = ~(apart | apart.T | beside | beside.T)
    return both


def reference(strokes: Strokes, aspect: tuple[int, int]) -> list[int]:
    """`arrange` of at least one stroke, written as plainly as possible."""
    touch, centers, count = touching(strokes, aspect), centers_of(strokes), len(strokes)
    sizes = BRUSHES[strokes.brush].size(doubles(strokes)).numpy()
    axis = BRUSHES[strokes.brush].frame(doubles(strokes), SPREAD * PIXEL).axis.numpy()
    colors = strokes.colors.double().mean(dim=1).numpy()
    levels = classes_of(strokes).tolist()
    for i in reversed(range(count)):
        levels[i] = min([levels[i], *(levels[j] + 1 for j in range(i + 1, count) if touch[i, j])])

    def cost(n: int) -> float:
        if not laid:
            return float(-sizes[n])
        m = laid[-1]
        color = np.sqrt(np.mean((colors[n] - colors[m]) ** 2))
        turn = abs(axis[n, 0] * axis[m, 1] - axis[n, 1] * axis[m, 0])
        return float(np.hypot(*(centers[n] - centers[m])) + sizes[m] * (0.5 * color + 0.25 * turn))

    laid: list[int] = []
    left, level = set(range(count)), 0
    while left:
        free = [n for n in left if not any(touch[m, n] for m in left if m < n)]
        level = max(level, min(levels[n] for n in free))
        laid.append(min((cost(n), n) for n in free if levels[n] <= level)[1])
        left.remove(laid[-1])
    return laid


@ALL
@pytest.mark.parametrize(("shrink", "aspect"), [(1.0, (1, 1)), (0.2, (100, 100)), (0.2, (30, 90)), (0.05, (3, 1))])
def test_the_order_is_the_reference_s(brush: str, shrink: float, aspect: tuple[int, int]) -> None:
    strokes = strokes_of(brush, 70, seed=3, shrink=shrink)
    found = arrange(strokes, aspect)
    assert found.dtype == torch.int64
    assert found.tolist() == reference(strokes, aspect)
    assert found.tolist() != list(range(70)) or shrink == 1.0


@ALL
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize(("height", "width"), [(128, 128), (128, 70), (97, 300), (512, 384)])
def test_the_picture_does_not_change(brush: str, channels: int, height: int, width: int) -> None:
    """Not by a bit, on an opaque canvas or a transparent one."""
    strokes = Strokes.cat([strokes_of(brush, 15, 1, 0.5), strokes_of(brush, 120, 2, 0.12)])
    found = arrange(strokes, (height, width))
    assert found.sort().values.tolist() == list(range(135))
    assert found.tolist() != list(range(135))
    canvas = np.full((height, width, channels), 0.0 if channels == 4 else 0.7, np.float32)
    np.testing.assert_array_equal(draw(strokes[found], canvas), draw(strokes, canvas))


def test_another_order_would_change_the_picture() -> None:
    """So that the test above can fail."""
    strokes = Strokes.cat([strokes_of("oilpaintbrush", 15, 1, 0.5), strokes_of("oilpaintbrush", 120, 2, 0.12)])
    by_class = torch.from_numpy(np.argsort(classes_of(strokes), kind="stable"))
    canvas = np.zeros((128, 128, 3), np.float32)
    assert not np.array_equal(draw(strokes[by_class], canvas), draw(strokes, canvas))


@ALL
def test_strokes_that_touch_keep_their_order(brush: str) -> None:
    strokes = strokes_of(brush, 300, seed=5, shrink=0.25)
    turn = torch.argsort(arrange(strokes, (80, 100))).numpy()
    first, second = np.nonzero(np.triu(touching(strokes, (80, 100)), 1))
    assert len(first) > 300
    assert (turn[first] < turn[second]).all()


def scattered(count: int) -> Strokes:
    """Strokes of many sizes that do not touch each other, in the order of a lottery."""
    rng = np.random.default_rng(0)
    places = [(rng.random(), rng.random(), 0.005 * 10 ** rng.random()) for _ in range(30 * count)]
    kept: list[tuple[float, float, float]] = []
    for x, y, side in places:
        if all(max(abs(x - u), abs(y - v)) > (side + other) * 0.6 + 0.06 for u, v, other in kept):
            kept.append((x, y, side))
    assert len(kept) >= count
    return tapes(*kept[:count])


def test_disjoint_strokes_go_from_large_to_small_and_near_to_near() -> None:
    strokes = scattered(90)
    assert touching(strokes, (1, 1)).sum() == 90  # each touches itself alone
    in_paint_order = strokes[arrange(strokes, (1, 1))]
    classes = classes_of(in_paint_order)
    assert classes.max() >= 3 and (np.diff(classes) >= 0).all()

    def jump(of: Strokes) -> float:
        return float(np.hypot(*np.diff(centers_of(of), axis=0).T).mean())

    assert jump(in_paint_order) < jump(strokes) / 2


@ALL
def test_neighbours_follow_each_other(brush: str) -> None:
    strokes = strokes_of(brush, 300, seed=7, shrink=0.05)
    before, after = (centers_of(of) for of in (strokes, strokes[arrange(strokes, (1, 1))]))
    assert np.hypot(*np.diff(after, axis=0).T).mean() < 0.5 * np.hypot(*np.diff(before, axis=0).T).mean()


def test_a_large_stroke_on_small_ones_waits_for_them_and_they_hurry() -> None:
    #               small, below      middling, apart   large, on the small one    small, apart
    strokes = tapes((0.2, 0.2, 0.02), (0.8, 0.2, 0.12), (0.25, 0.25, 0.3), (0.8, 0.8, 0.02))
    assert classes_of(strokes).tolist() == [5, 1, 0, 5]
    # What lies below counts as of class 1, as the middling one, which is the larger of them.
    assert arrange(strokes, (1, 1)).tolist() == [1, 0, 2, 3]


def test_what_comes_free_late_is_taken_as_the_walk_comes_by() -> None:
    """A large stroke freed far away does not call the walk across the picture."""
    strokes = tapes(
        (0.9, 0.9, 0.10), (0.9, 0.9, 0.18), (0.5, 0.1, 0.10), (0.3, 0.1, 0.10), (0.1, 0.1, 0.18), (0.7, 0.5, 0.10)
    )  # fmt: skip
    assert classes_of(strokes).tolist() == [1, 0, 1, 1, 0, 1]
    assert arrange(strokes, (1, 1)).tolist() == [4, 3, 2, 5, 0, 1]


def test_colour_and_angle_tip_the_scales() -> None:
    strokes = tapes((0.5, 0.5, 0.1875), (0.75, 0.5, 0.125), (0.25, 0.5, 0.125))
    assert arrange(strokes, (1, 1)).tolist() == [0, 1, 2]  # of equals the first comes first
    colors = torch.tensor([0.0, 1.0, 0.0])[:, None, None].expand(3, 1, 3)
    colored = Strokes(strokes.brush, strokes.params, colors, strokes.opacity, strokes.seed)
    assert arrange(colored, (1, 1)).tolist() == [0, 2, 1]
    shape = {**strokes.params, "angle": torch.tensor([0.0, 0.7, 0.0])}
    turned = Strokes(strokes.brush, shape, strokes.colors, strokes.opacity, strokes.seed)
    assert arrange(turned, (1, 1)).tolist() == [0, 2, 1]


def test_meeting_off_the_canvas_binds_no_one() -> None:
    strokes = tapes((0.5, 0.75, 0.02), (0.5, 0.75, 0.3))
    assert arrange(strokes, (1, 1)).tolist() == [0, 1]
    assert arrange(strokes, (1, 2)).tolist() == [1, 0]  # the smaller one lies wholly below a low canvas


def test_strokes_on_one_spot_stay_as_they_are() -> None:
    strokes = strokes_of("watercolor", 1)[torch.zeros(50, dtype=torch.int64)]
    assert arrange(strokes, (1, 1)).tolist() == list(range(50))


@ALL
def test_none_one_and_again(brush: str) -> None:
    strokes = strokes_of(brush, 120, shrink=0.2)
    none = arrange(strokes[:0], (1, 1))
    assert none.dtype == torch.int64 and none.shape == (0,)
    assert arrange(strokes[:1], (1, 1)).tolist() == [0]
    assert arrange(strokes, (1, 1)).tolist() == arrange(strokes, (10, 10)).tolist()
    learning = strokes.map(lambda values: values.clone().requires_grad_() if values.is_floating_point() else values)
    assert arrange(learning, (1, 1)).tolist() == arrange(strokes, (1, 1)).tolist()


@ALL
@pytest.mark.filterwarnings("error")
def test_strokes_of_no_size_or_nowhere_are_still_told(brush: str) -> None:
    strokes = strokes_of(brush, 30, shrink=0.2)
    shape = {name: values.clone() for name, values in strokes.params.items()}
    for values in shape.values():
        values[4] = 0.0
        values[9] = torch.nan
    odd = Strokes(brush, shape, strokes.colors, strokes.opacity, strokes.seed)
    assert arrange(odd, (1, 1)).sort().values.tolist() == list(range(30))


def test_very_many_strokes_are_arranged_run_by_run(monkeypatch: pytest.MonkeyPatch) -> None:
    strokes = strokes_of("markerpen", 130, shrink=0.1)
    whole = arrange(strokes, (1, 1))
    monkeypatch.setattr(order, "MAX_RUN", 50)
    runs = arrange(strokes, (1, 1))
    assert runs.tolist() != whole.tolist()
    for first, last in ((0, 50), (50, 100), (100, 130)):
        assert runs[first:last].tolist() == (first + arrange(strokes[first:last], (1, 1))).tolist()
    canvas = np.ones((128, 128, 3), np.float32)
    np.testing.assert_array_equal(draw(strokes[runs], canvas), draw(strokes, canvas))
