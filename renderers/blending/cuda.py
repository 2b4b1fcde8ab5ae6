"""Soft blending as Triton kernels, forward and backward, on a CUDA device.

The canvas is cut into square tiles, each the work of one program. Strokes are paired with the tiles that their frames
meet, and every program walks its pairs in paint order. The forward pass records what lies below each pair on a tape
(float32), so that the backward pass needs no division by 1 - α. In the backward pass every pair has its own row of
partial sums, added up per stroke in a fixed order: canvas and gradients are the same from run to run, except those of
the maps, which many pixels add to at once (atomically, in any order).

With TRITON_INTERPRET=1 set before triton is first imported the same kernels run, slowly, on CPU tensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from renderers.blending.layers import Layers
from renderers.blending.tile_pairs import COLUMNS, END, OPACITY, START, TILE, Pairs, pair_up

try:
    import triton
except ImportError as error:
    raise ImportError("blending on CUDA needs triton: `pip install triton`, or choose another backend") from error

from renderers.blending.triton_kernels import add_pairs, backward, forward

WARPS = 8  # of 32 threads for each tile: one pixel a thread, so that blocks need no re-dealing
OPTIONS = {"enable_fp_fusion": True}  # set explicitly: Triton's default is about to change


def blend_cuda(canvas: Tensor, layers: Layers) -> Tensor:
    """See `renderers.blending.blend`. Every tensor on one CUDA device, except `maps.offset` and `maps.size`.

    Where gradients are needed, the tape takes 4·C·TILE² bytes for each pair of a stroke and a tile that it meets.

    Args:
        canvas: [H, W, C] float32; C = 3 or 4.
        layers: N strokes, in paint order.

    Returns:
        [H, W, C] float32.

    Raises:
        ValueError: tensors are not all on one CUDA device, or the number of channels is not 3 or 4.
    """
    maps = layers.maps
    floats = [layers.transform, maps.texels, layers.start, layers.end, layers.opacity]
    _check(canvas, floats)
    inputs = [value.float().contiguous() for value in floats]
    inputs += [value.to(canvas.device, torch.int64) for value in (maps.offset, maps.size)]
    with torch.cuda.device_of(canvas):
        if torch.is_grad_enabled() and any(value.requires_grad for value in floats):
            painted: Tensor = _Blend.apply(canvas, *inputs)
            return painted
        return _paint(canvas, inputs, record=False)[0]


def _check(canvas: Tensor, floats: list[Tensor]) -> None:
    if canvas.shape[2] not in (3, 4):
        raise ValueError(f"canvas must have 3 or 4 channels, got {tuple(canvas.shape)}")
    devices = {value.device for value in (canvas, *floats)}
    interpreted = not isinstance(forward, triton.runtime.JITFunction)  # decided when kernels are defined
    if len(devices) > 1 or not (canvas.is_cuda or interpreted):
        raise ValueError(f"all tensors must be on one CUDA device, got {', '.join(sorted(map(str, devices)))}")


class _Blend(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, canvas: Tensor, *inputs: Tensor) -> Tensor:
        painted, tape, pairs = _paint(canvas, inputs, record=True)
        ctx.save_for_backward(inputs[1], inputs[-1], tape, *pairs)
        return painted

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        texels, size, tape, *rest = ctx.saved_tensors
        with torch.cuda.device_of(texels):
            sums, grad_texels = _gather(
                gradients[0].contiguous(), texels, tape, Pairs(*rest), for_maps=ctx.needs_input_grad[2]
            )
        channels = gradients[0].shape[2]
        transform = sums[:, :OPACITY].view(-1, 2, 3) * (size.flip(1)[:, :, None] / 2)
        start, end = sums[:, START : START + channels], sums[:, END : END + channels]
        floats = [value.float().contiguous() for value in (transform, start, end, sums[:, OPACITY])]
        return (None, floats[0], grad_texels, *floats[1:], None, None)


# --- launching ----------------------------------------------------------------------------------------------


def _paint(canvas: Tensor, inputs: Sequence[Tensor], record: bool) -> tuple[Tensor, Tensor, Pairs]:
    """The canvas [H, W, C] after all strokes; the tape [P, C, TILE²], empty unless `record`; the pairs."""
    transform, texels, start, end, opacity, offset, size = inputs
    pairs = pair_up(canvas, transform, start, end, opacity, offset, size)
    height, width, channels = canvas.shape
    painted = canvas.detach().to(torch.float32, copy=True, memory_format=torch.contiguous_format)
    tape = painted.new_empty(len(pairs.rows) if record else 0, channels, TILE * TILE)
    if len(pairs.rows):
        forward[(len(pairs.tile_first) - 1,)](
            painted, tape, pairs.rows, pairs.places, pairs.tile_first, texels, height, width,
            CHANNELS=channels, RECORD=record, num_warps=WARPS, **OPTIONS,
        )  # fmt: skip
    return painted, tape, pairs


def _gather(
    gradient: Tensor, texels: Tensor, tape: Tensor, pairs: Pairs, for_maps: bool
) -> tuple[Tensor, Tensor | None]:
    """Gradients of every stroke's row, [N, COLUMNS] float64, and of the maps' texels [T, 2] if `for_maps`."""
    height, width, channels = gradient.shape
    strokes = len(pairs.stroke_first) - 1
    totals = torch.zeros(strokes, COLUMNS, dtype=torch.float64, device=gradient.device)
    grad_texels = torch.zeros_like(texels) if for_maps else None
    if len(pairs.rows):
        sums = torch.empty_like(pairs.rows)
        backward[(len(pairs.tile_first) - 1,)](
            gradient, tape, *pairs[:4], texels, sums, grad_texels, height, width,
            CHANNELS=channels, MAPS=for_maps, num_warps=WARPS, **OPTIONS,
        )  # fmt: skip
        add_pairs[(strokes,)](sums, pairs.stroke_first, totals, AT_ONCE=32, num_warps=1, **OPTIONS)
    return totals, grad_texels
