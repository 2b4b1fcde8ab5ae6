"""What kernels are made of: lanes, dual numbers, corners in dual numbers, threads, workspaces, the fused loss."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import numba
import numpy as np
import pytest
import torch

from painter.search.fused_loss import measured_loss
from painter.search.pixel_losses import PIXEL_LOSSES, pixel_loss
from renderers import dual as dual_numbers
from renderers.blending.texels import load_sums, load_texels, scatter_add, shift_in_pair
from renderers.brushes import NETWORK_BRUSHES, Frame
from renderers.brushes.base import frame_grid
from renderers.dual import VARIABLES, WIDTH, absolute, clip, constant, sqrt, value_of, variable
from renderers.evaluation import random_strokes
from renderers.networks import Patches, patch_features
from renderers.products import add_product, round_up
from renderers.simd import (
    LANES,
    WIDE,
    as_float,
    clamp,
    concat,
    deinterleave,
    interleave,
    iota,
    load,
    load_like,
    load_splat,
    load_splat_like,
    splat,
    splat_int,
    split,
    store,
    store_signs,
    total,
    truncate,
    where_less,
    where_signs,
    wide_zero,
)
from renderers.simd import sqrt as sqrt_lanes
from renderers.threads import core_count, limited_to, share
from renderers.work_queue import take_next, work_queue
from renderers.workspace import ScratchBuffer

# --- lanes --------------------------------------------------------------------------------------------------


@numba.njit
def _arithmetic(a, b, out):  # type: ignore[no-untyped-def]
    x, y = load(a, 1), load(b, 0)
    z = x * y + splat(2.5) - iota()
    z -= y
    z *= splat(3)
    z += x
    store(out, 0, z)
    store(out, LANES, where_less(x, y, x, splat(-7)))
    store(out, 2 * LANES, as_float(clamp(truncate(x * splat(10)), splat_int(-3), splat_int(4)) + splat_int(1)))
    return total(z)


def test_lanes_compute_as_arrays_do() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, LANES + 1)).astype(np.float32)
    out = np.zeros(3 * LANES + 1, np.float32)
    summed = _arithmetic(a, b, out)
    x, y = a[1:], b[:LANES]
    z = (x * y + 2.5 - np.arange(LANES) - y) * 3 + x
    np.testing.assert_allclose(out[:LANES], z, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(out[LANES : 2 * LANES], np.where(x < y, x, np.float32(-7)))
    np.testing.assert_array_equal(out[2 * LANES : -1], np.clip(np.trunc(x * 10), -3, 4) + 1)
    assert summed == pytest.approx(z.sum(), rel=1e-5) and out[-1] == 0


@numba.njit
def _roots(a, out):  # type: ignore[no-untyped-def]
    store(out, 0, sqrt_lanes(load(a, 0)) / load(a, LANES))
    twice = load_like(wide_zero(), a, 0) + load_splat_like(wide_zero(), a, 3)
    store(out, LANES, where_less(wide_zero(), twice, twice, wide_zero()))


def test_roots_quotients_and_wide_lanes() -> None:
    a = np.random.default_rng(4).uniform(0.5, 2, 2 * LANES).astype(np.float32)
    out = np.zeros(LANES + WIDE, np.float32)
    _roots(a, out)
    np.testing.assert_allclose(out[:LANES], np.sqrt(a[:LANES]) / a[LANES:], rtol=1e-6)
    np.testing.assert_allclose(out[LANES:], a[:WIDE] + a[3], rtol=1e-6)


@numba.njit
def _exchange(pairs, base, index, around, out):  # type: ignore[no-untyped-def]
    at = truncate(load(index, 0))
    left, right = load_texels(pairs, base, at)
    store(out, 0, left)
    a, b = deinterleave(right)
    first, second = split(interleave(a, b))
    store(out, 2 * LANES, concat(first, second))
    scatter_add(around, at, left, interleave(splat(1), splat(2)), interleave(splat(3), splat(4)), right)
    own, following = load_sums(around, 0, LANES)
    store(out, 4 * LANES, own)
    store(out, 5 * LANES, shift_in_pair(splat(7), following))


def test_texels_are_read_with_their_neighbours_and_added_to() -> None:
    rng = np.random.default_rng(1)
    pairs, around = rng.random((40, 2)).astype(np.float32), rng.random((30, LANES)).astype(np.float32)
    index = np.array([0, 5, 5, 6, 20, 3, 1, 0])[:LANES]
    expected, found, out = around.copy(), around.copy().reshape(-1), np.zeros(6 * LANES, np.float32)
    _exchange(pairs.reshape(-1), 4, index.astype(np.float32), found, out)
    np.testing.assert_array_equal(out[: 4 * LANES].reshape(2, LANES, 2), [pairs[index + 4], pairs[index + 5]])
    for place in index:
        expected[place] += [*pairs[place + 4], 1, 2, 3, 4, *pairs[place + 5]]
    np.testing.assert_allclose(found.reshape(-1, LANES), expected, rtol=1e-6)
    sums = (expected[: LANES // 2] + expected[1 : LANES // 2 + 1])[:, :4]
    np.testing.assert_allclose(out[4 * LANES : 5 * LANES], sums[:, :2].ravel(), rtol=1e-6)
    np.testing.assert_allclose(out[5 * LANES :], [7, 7, *sums[:-1, 2:].ravel()], rtol=1e-6)


@numba.njit
def _rectify(values, signs, out):  # type: ignore[no-untyped-def]
    for k in range(0, values.size, LANES):
        store_signs(signs, k // 8, load(values, k))
        store(out, k, where_signs(signs, k // 8, load_splat(values, 3)))


def test_signs_are_stored_and_gate_gradients() -> None:
    values = np.random.default_rng(2).normal(size=3 * LANES).astype(np.float32)
    values[1] = 0
    signs, out = np.zeros(values.size // 8, np.uint8), np.full(values.size, np.nan, np.float32)
    _rectify(values, signs, out)
    np.testing.assert_array_equal(np.unpackbits(signs, bitorder="little"), values > 0)
    np.testing.assert_array_equal(out, np.where(values > 0, values[3], 0))


@pytest.mark.parametrize(("rows", "terms", "columns"), [(8, 1, 8), (16, 7, 24), (8, 34, 64), (24, 5, 40), (8, 9, 56)])
def test_products_are_added(rows: int, terms: int, columns: int) -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(rows, terms + 3)).astype(np.float32), rng.normal(size=(terms, columns)).astype(np.float32)
    before = rng.normal(size=(rows, columns)).astype(np.float32)
    out = before.copy().reshape(-1)
    add_product(out, columns, a.reshape(-1), terms + 3, terms, b.reshape(-1), rows, columns, out)
    np.testing.assert_allclose(out.reshape(rows, columns), before + a[:, :terms] @ b, rtol=1e-5, atol=1e-5)
    add_product(before[1], 0, a.reshape(-1), terms + 3, terms, b.reshape(-1), rows, columns, out)
    np.testing.assert_allclose(out.reshape(rows, columns), before[1] + a[:, :terms] @ b, rtol=1e-5, atol=1e-5)


def test_padding_is_the_least_multiple() -> None:
    assert [round_up(count, 8) for count in (0, 1, 8, 9)] == [0, 8, 8, 16]


# --- dual numbers -------------------------------------------------------------------------------------------


@numba.njit
def _formulas(x, y, out):  # type: ignore[no-untyped-def]
    a, b = variable(x, 0), variable(y, 6)
    dual_numbers.store(out, 0, a + b * 2 - 1.5)
    dual_numbers.store(out, 1, a * b / (b * b + a))
    dual_numbers.store(out, 2, sqrt(a * a + b * b) * absolute(-a - 1))
    dual_numbers.store(out, 3, clip(a, -1.0, 0.25) * clip(b, 0.0, 9.0))
    dual_numbers.store(out, 4, 2 / b - constant(3.0) * a)
    return value_of(a)


def test_dual_numbers_carry_exact_derivatives() -> None:
    formulas: list[Callable[[float, float], float]] = [
        lambda a, b: a + b * 2 - 1.5,
        lambda a, b: a * b / (b * b + a),
        lambda a, b: float(np.hypot(a, b)) * abs(-a - 1),
        lambda a, b: min(max(a, -1.0), 0.25) * min(max(b, 0.0), 9.0),
        lambda a, b: 2 / b - 3 * a,
    ]
    for x, y in ((0.3, 0.7), (-0.4, 1.9), (2.0, -0.6)):
        out = np.full(len(formulas) * WIDTH, np.nan, np.float32)
        assert _formulas(np.float32(x), np.float32(y), out) == np.float32(x)
        step = 1e-6
        for formula, dual in zip(formulas, out.reshape(-1, WIDTH), strict=True):
            slopes = np.zeros(VARIABLES)
            slopes[0] = (formula(x + step, y) - formula(x - step, y)) / (2 * step)
            slopes[6] = (formula(x, y + step) - formula(x, y - step)) / (2 * step)
            np.testing.assert_allclose(dual, [formula(x, y), *slopes], rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("brush", list(NETWORK_BRUSHES))
def test_corners_are_coordinates_with_their_derivatives(brush: str) -> None:
    """`NetworkBrush.corners` against `NetworkBrush.coordinates` and autograd."""
    of = NETWORK_BRUSHES[brush]
    frame = of.frame(random_strokes(of, 80, torch.Generator().manual_seed(5)).params, 1 / 120)
    box, geometry = frame.box.requires_grad_(), frame.geometry.requires_grad_()
    blur = (1 / 120 / frame.scale).detach()
    patches = Patches.of(frame_grid(box, blur, 1.0))
    leaves = Frame(frame.center, frame.axis, frame.scale, box, geometry, frame.code)
    fields = patch_features(of, leaves, blur, patches)[:, : 4 * of.field_count].view(-1, of.field_count, 4)
    weight = torch.randn(fields.shape, generator=torch.Generator().manual_seed(6))
    wanted = torch.cat(torch.autograd.grad((fields * weight).sum(), [box, geometry]), dim=1)
    grid = patches.grid.numpy()
    out = np.empty((int((grid + 1).prod(axis=1).sum()), of.field_count, WIDTH), np.float32)
    of.corners(geometry.detach().numpy(), box.detach().numpy(), blur.numpy(), grid, out.reshape(-1))
    first = np.concatenate([[0], np.cumsum((grid + 1).prod(axis=1))])[patches.owner]
    near = first + (patches.row * (patches.grid[patches.owner, 0] + 1) + patches.column).numpy()
    across = (grid[patches.owner, 0] + 1)[:, None]
    around = near[:, None] + np.concatenate([0 * across, 0 * across + 1, across, across + 1], axis=1)
    duals = torch.from_numpy(out[around]).transpose(1, 2)  # [P, F, 4, WIDTH]
    value_off = (duals[..., 0] - fields.detach()).abs()
    elsewhere = value_off > 1e-3  # a point may lie as near to one place of a curve as to another: processors choose
    assert value_off[~elsewhere].mean() < 1e-5 and elsewhere.float().mean() < 3e-4, "one corner of a thousand at most"
    found = torch.zeros(80, VARIABLES).index_add(0, patches.owner, (duals * weight[..., None]).sum((1, 2))[:, 1:])
    assert found[:, wanted.shape[1] :].abs().max() == 0 if wanted.shape[1] < VARIABLES else True
    off = (found[:, : wanted.shape[1]] - wanted).abs() > 1e-3 * wanted.abs().amax(dim=0)
    assert off.float().mean() <= 0.02


# --- threads and workspaces ---------------------------------------------------------------------------------


def test_work_is_shared_among_threads_and_done_once() -> None:
    for threads in (1, 2, 4):
        done: list[int] = []
        names: set[str] = set()

        def work(first: int, step: int, done: list[int] = done, names: set[str] = names) -> None:
            names.add(threading.current_thread().name)
            time.sleep(0.01)
            done.extend(range(first, 10, step))

        with limited_to(threads):
            assert core_count() == threads
            share(work)
        assert sorted(done) == list(range(10)) and len(names) == threads
    assert core_count() >= 1


@numba.njit(nogil=True)
def _count(queue, done):  # type: ignore[no-untyped-def]
    while True:
        turn = take_next(queue)
        if turn >= len(done):
            return
        done[turn] += 1


def test_each_piece_of_work_is_taken_once() -> None:
    done, queue = np.zeros(100_000, np.int64), work_queue()
    with limited_to(4):
        share(lambda first, step: _count(queue, done))
    assert (done == 1).all()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_process_has_threads_of_its_own() -> None:
    """In a fresh process, since a fork of this one, with all its threads, could hang for other reasons."""
    code = (
        "import os\n"
        "from renderers.threads import limited_to, share\n"
        "def work(first, step): pass\n"
        "with limited_to(3):\n"
        "    share(work)\n"
        "    child = os.fork()\n"
        "    share(work)\n"
        "    if not child: os._exit(7)\n"
        "    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["7"], done.stderr


def test_a_failure_in_any_thread_is_raised_when_all_have_ended() -> None:
    ended = []

    failing = -1

    def work(first: int, step: int) -> None:
        if first == failing:
            raise RuntimeError("torn")
        time.sleep(0.02)
        ended.append(first)

    with limited_to(3):
        for thread in range(3):
            failing = thread
            ended.clear()
            with pytest.raises(RuntimeError, match="torn"):
                share(work)
            assert len(ended) == 2


def test_workspaces_are_used_again_but_never_shared() -> None:
    one, two = ScratchBuffer(1000), ScratchBuffer(1000)
    assert one.array.size >= 1000 and one.array.dtype == np.float32
    assert not np.shares_memory(one.array, two.array)
    memory = two.array
    del two
    assert ScratchBuffer(900).array is memory
    grown = [ScratchBuffer(2000 + k) for k in range(9)]
    del grown
    assert len(ScratchBuffer._free) <= ScratchBuffer.MOST_FREE


# --- the fused loss -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", PIXEL_LOSSES)
@pytest.mark.parametrize("size", [(37, 23, 3), (5, 4, 4), (1, 2, 3), (1, 1, 3), (70, 128, 3)])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_fused_loss_is_the_pixel_loss(kind: str, size: tuple[int, int, int], weighted: bool) -> None:
    generator = torch.Generator().manual_seed(2)
    weight = torch.rand(size[:2], generator=generator) * 3 if weighted else None
    target = torch.rand(size, generator=generator)
    canvas = torch.rand(size, generator=generator)
    canvas[0, 0] = target[0, 0]  # where |d| has no slope
    leaf, other = canvas.clone().requires_grad_(), canvas.clone().requires_grad_()
    loss, error = measured_loss(leaf, target, kind, weight)
    wanted = pixel_loss(other, target, kind, weight)
    (3 * loss).backward()
    (3 * wanted).backward()
    assert loss.dtype == torch.float32 and loss.shape == ()
    torch.testing.assert_close(loss, wanted, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(leaf.grad, other.grad, rtol=1e-5, atol=1e-8)
    assert error == pytest.approx(float((canvas - target).square().mean()), rel=1e-5)


def test_the_fused_loss_is_the_same_with_any_number_of_threads() -> None:
    canvas, target = torch.rand(2, 61, 47, 3, generator=torch.Generator().manual_seed(3))
    found = []
    for threads in (1, 2, 7):
        with limited_to(threads):
            found.append(measured_loss(canvas, target, "mix"))
    assert all(torch.equal(loss, found[0][0]) and error == found[0][1] for loss, error in found)
