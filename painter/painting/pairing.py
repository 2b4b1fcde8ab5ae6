"""Which stroke of one painting becomes which of another: optimal transport of strokes, each going to one.

Strokes are points in a space of place, size, slimness, angle, colour and place in the paint order, and the sum of
squared distances is least: exactly, by the Hungarian method, up to MOST strokes. More are first cut in halves, both
paintings alike and again and again, along what they differ in most.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from painter.pictures.oklab import to_oklab
from renderers.brushes import BRUSHES
from renderers.poses import Pose
from renderers.strokes import Strokes

MOST = 1500  # strokes that are assigned at once
# What a distance of 1 is: a third of the longer side, sizes that differ by a factor of 2.2, a right angle (between
# slim strokes), a quarter of the way from black to white, and a third of all strokes in paint order, so that ground
# goes to ground and detail to detail.
PLACE, SIZE, TURN, COLOR, ORDER = 1 / 3, 0.8, 1.0, 0.25, 1 / 3


def pair(first: Strokes, second: Strokes) -> tuple[np.ndarray, np.ndarray]:
    """The pairs: strokes of the first painting and, for each, the one of the second that it becomes.

    Args:
        first, second: N and M strokes of one brush, in paint order, so that earlier ones are broader.

    Returns:
        Two [K] int64, K = min(N, M): all strokes of the painting that has fewer are paired. Those of the first rise.
    """
    rows, columns = assign(features(first), features(second))
    order = np.argsort(rows, kind="stable")
    return rows[order], columns[order]


def features(strokes: Strokes) -> np.ndarray:
    """[N, F] float64: strokes as points, such that near ones can become each other."""
    brush, pose = BRUSHES[strokes.brush], Pose.of(strokes)
    length, width = (values.detach().cpu().double().numpy() for values in brush.extent(strokes.params))
    logs = np.log(np.stack([length, width], axis=1).clip(1e-6))
    slimness = np.clip(logs[:, :1] - logs[:, 1:], 0, 1)  # a round stroke has hardly any angle
    turn = pose.angle.numpy() * (2 if brush.half_turn else 1)
    direction = np.stack([np.cos(turn), np.sin(turn)], axis=1) / 2 * slimness
    colors = to_oklab(strokes.colors.detach().cpu().numpy().mean(axis=1))
    order = (np.arange(len(strokes)) + 0.5)[:, None] / max(1, len(strokes))
    return np.concatenate(
        [pose.center.numpy() / PLACE, logs / SIZE, direction / TURN, colors / COLOR, order / ORDER], axis=1
    )


def assign(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The assignment of points [N, F] to points [M, F] of least squared distance: two [min(N, M)] int64."""
    if len(first) > len(second):
        columns, rows = assign(second, first)
        return rows, columns
    if not len(first):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    if len(second) <= MOST:
        rows, columns = linear_sum_assignment(cdist(first, second, "sqeuclidean"))
        return rows.astype(np.int64), columns.astype(np.int64)
    if len(first) == 1:
        return np.zeros(1, np.int64), np.array([((second - first) ** 2).sum(axis=1).argmin()], np.int64)
    axis = int(np.concatenate([first, second]).var(axis=0).argmax())
    half = len(first) // 2
    cuts = half, len(second) * half // len(first)  # what lies on one side of both is at least as much in the second
    halves = [np.split(np.argsort(points[:, axis], kind="stable"), [cut]) for points, cut in
              ((first, cuts[0]), (second, cuts[1]))]  # fmt: skip
    found = [(a, b, *assign(first[a], second[b])) for a, b in zip(*halves, strict=True)]
    return np.concatenate([a[r] for a, _, r, _ in found]), np.concatenate([b[c] for _, b, _, c in found])
