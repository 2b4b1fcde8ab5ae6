"""Adam stroke by stroke: steps, ages, and moments of strokes that come and go."""

from __future__ import annotations

import pytest
import torch
from helpers.placing import DEFAULTS
from torch import Tensor

from painter.search.adam import (
    Moments,
    StrokeAdam,
    cat_moments,
    fresh_moments,
    moments_state,
    restore_moments,
    select_moments,
    step_plainly,
)
from painter.system.snapshot import dump, load

BETAS = DEFAULTS.betas


def unknowns(count: int, seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    sizes = {"x": (count,), "colors": (count, 2, 3), "opacity": (count,)}
    return {name: torch.rand(size, generator=generator).requires_grad_() for name, size in sizes.items()}


def units_of(values: dict[str, Tensor]) -> dict[str, Tensor | float]:
    """In which steps are measured: of one of them another for each stroke."""
    return {"x": torch.linspace(0.1, 3.0, len(values["x"])), "colors": 0.03, "opacity": 1.0}


def adam_for(values: dict[str, Tensor], moments: Moments | None = None) -> StrokeAdam:
    return StrokeAdam(values, units_of(values), fresh_moments(values) if moments is None else moments, BETAS)


def pull(values: dict[str, Tensor], generator: torch.Generator, scale: float = 1.0) -> None:
    for value in values.values():
        value.grad = scale * torch.randn(value.shape, generator=generator)


def test_for_strokes_of_one_age_it_is_torchs_adam() -> None:
    ours, start = unknowns(6), unknowns(6)
    adam, units = adam_for(ours), units_of(ours)
    scales = {name: torch.as_tensor(unit).reshape(-1, *[1] * (ours[name].ndim - 1)) for name, unit in units.items()}
    theirs = {name: (values.detach() / scales[name]).requires_grad_() for name, values in start.items()}
    reference = torch.optim.Adam(theirs.values(), lr=1.0, betas=BETAS, eps=StrokeAdam.EPSILON)
    generator = torch.Generator().manual_seed(1)
    for step in range(30):
        rate = 0.1 / (1 + step)
        reference.param_groups[0]["lr"] = rate
        pull(ours, generator, 10.0 ** (step % 4 - 2))
        for name, values in theirs.items():
            values.grad = gradient_of(ours[name]) * scales[name]
        adam.step(rate)
        reference.step()
    for name, values in ours.items():
        torch.testing.assert_close(values, theirs[name] * scales[name], rtol=1e-4, atol=1e-5)
    adam.zero_grad()
    assert all(values.grad is None for values in ours.values())


def gradient_of(values: Tensor) -> Tensor:
    assert values.grad is not None
    return values.grad.clone()


def test_the_kernel_steps_as_the_reference() -> None:
    ours, theirs = unknowns(7), unknowns(7)
    adam, moments = adam_for(ours), fresh_moments(theirs)
    generator = torch.Generator().manual_seed(4)
    for step in range(1, 9):
        pull(ours, generator)
        moments["steps"][0].fill_(step)
        for name, values in theirs.items():
            (mean, square), (steps,) = moments[name], moments["steps"]
            of_strokes = (values.detach(), gradient_of(ours[name]), mean, square, adam.units[name], steps)
            step_plainly(of_strokes, 0.02, *BETAS, StrokeAdam.EPSILON)
        adam.step(0.02)
    for name, values in ours.items():
        torch.testing.assert_close(values, theirs[name], rtol=1e-5, atol=1e-6)
        for part, other in zip(adam.moments[name], moments[name], strict=True):
            torch.testing.assert_close(part, other, rtol=1e-5, atol=1e-7)


def test_unknowns_without_a_gradient_stay() -> None:
    values = unknowns(4)
    adam, before = adam_for(values), values["x"].detach().clone()
    pull(values, torch.Generator().manual_seed(5))
    values["x"].grad = None
    adam.step(0.1)
    assert torch.equal(values["x"], before) and not any(part.any() for part in adam.moments["x"])
    assert adam.moments["steps"][0].tolist() == [1.0] * 4


def test_a_new_stroke_among_old_ones_takes_full_steps() -> None:
    old = unknowns(5)
    moments = fresh_moments(old)
    generator = torch.Generator().manual_seed(2)
    for _ in range(9):
        pull(old, generator)
        adam_for(old, moments).step(0.01)
    new = unknowns(3, seed=7)
    both = {name: torch.cat([old[name].detach(), new[name].detach()]).requires_grad_() for name in old}
    before = {name: values.detach().clone() for name, values in both.items()}
    joined = cat_moments(moments, fresh_moments(new))
    pull(both, generator)
    for name, values in old.items():
        values.grad = gradient_of(both[name])[:5]
    ones: dict[str, Tensor | float] = dict.fromkeys(old, 1.0)
    StrokeAdam(both, ones, joined, BETAS).step(0.01)
    StrokeAdam(old, ones, moments, BETAS).step(0.01)
    for name, values in both.items():
        # The first step of Adam is its rate, whatever the gradient; the old ones go on as if nobody had come.
        moved = (values.detach() - before[name])[5:].abs()
        torch.testing.assert_close(moved, torch.full_like(moved, 0.01), rtol=1e-3, atol=0)
        assert torch.equal(values[:5], old[name])
    assert joined["steps"][0].tolist() == [10.0] * 5 + [1.0] * 3


def moved_moments(count: int) -> Moments:
    values = unknowns(count)
    moments = fresh_moments(values)
    for _ in range(4):
        pull(values, torch.Generator().manual_seed(3))
        adam_for(values, moments).step(0.01)
    return moments


def equal(a: Moments, b: Moments) -> bool:
    return a.keys() == b.keys() and all(
        torch.equal(one, other) for name in a for one, other in zip(a[name], b[name], strict=True)
    )


def test_moments_are_selected_and_joined_by_strokes() -> None:
    moments = moved_moments(6)
    first, rest = (select_moments(moments, torch.tensor(index)) for index in ([0, 1], [2, 3, 4, 5]))
    assert len(first["steps"][0]) == 2 and first["colors"][0].shape == (2, 2, 3)
    assert equal(cat_moments(first, rest), moments)
    assert equal(select_moments(moments, torch.arange(6)), moments)
    picked = select_moments(moments, torch.tensor([4, 1]))
    assert torch.equal(picked["x"][1], moments["x"][1][[4, 1]])
    picked["x"][0].zero_()
    assert moments["x"][0].abs().min() > 0  # they are copies


def test_moments_come_back_to_the_bit() -> None:
    moments, values = moved_moments(4), unknowns(4)
    other = fresh_moments(values)
    assert not equal(moments, other)
    kept = [part for parts in other.values() for part in parts]
    restore_moments(other, load(dump(moments_state(moments))))
    assert equal(moments, other) and all(a is b for a, b in zip(kept, (p for ps in other.values() for p in ps)))  # noqa: B905
    third = adam_for(values)
    third.restore(adam_for(values, moments).state())
    assert equal(third.moments, moments)
    with pytest.raises((ValueError, RuntimeError)):
        restore_moments(fresh_moments(unknowns(5)), moments_state(moments))
