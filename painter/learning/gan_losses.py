"""The losses of generators and discriminators, and the augmentation of what discriminators see."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from painter.learning.gan_networks import Discriminator

_BRIGHTER, _SHIFT, _CUT = 0.5, 0.125, 0.5  # of signals in [-1, 1]; shares of the side
AUGMENTED = 7  # random numbers that `augmented` takes for each picture


def discriminator_loss(discriminator: Discriminator, real: Tensor, fake: Tensor, random: Tensor) -> Tensor:
    """The loss of a discriminator, a scalar.

    Plain: binary cross-entropy (I. Goodfellow et al., 2014). Relativistic: softplus(D(fake) - D(real)) with penalties
    on the gradients at real and at made pictures, R1 and R2 (Y. Huang et al., 2024).

    Args:
        real, fake: signals [B, C, S, S].
        random: [2, B, AUGMENTED] in [0, 1), for the augmentation; not used by the plain loss.
    """
    config = discriminator.config
    if config.plain:
        return functional.softplus(-discriminator(real)).mean() + functional.softplus(discriminator(fake)).mean()
    real = augmented(real, random[0]).detach().requires_grad_()
    fake = augmented(fake, random[1]).detach().requires_grad_()
    of_real, of_fake = discriminator(real), discriminator(fake)
    loss = functional.softplus(of_fake - of_real).mean()
    for scores, pictures in ((of_real, real), (of_fake, fake)):
        (slope,) = torch.autograd.grad(scores.sum(), pictures, create_graph=True)
        loss = loss + config.penalty / 2 * slope.square().sum((1, 2, 3)).mean()
    return loss


def generator_loss(
    discriminators: Sequence[Discriminator], reals: Sequence[Tensor], fake: Tensor, random: Tensor
) -> Tensor:
    """The loss of a generator against one discriminator or two: of two, the larger loss counts for each picture.

    Args:
        discriminators: one for each collection.
        reals: of each collection, signals [B, C, S, S]; not used by the plain loss.
        fake: signals [B, C, S, S].
        random: [2, B, AUGMENTED] in [0, 1); not used by the plain loss.
    """
    losses = []
    for discriminator, real in zip(discriminators, reals, strict=True):
        if discriminator.config.plain:
            losses.append(functional.softplus(-discriminator(fake)))
        else:
            better = discriminator(augmented(real, random[0])).detach()
            losses.append(functional.softplus(better - discriminator(augmented(fake, random[1]))))
    return torch.stack(losses).amax(0).mean()


def augmented(signal: Tensor, random: Tensor) -> Tensor:
    """Pictures in other colours, moved and with a square cut out, differentiably (S. Zhao et al., 2020: DiffAugment).

    Args:
        signal: [B, C, S, S] in [-1, 1].
        random: [B, AUGMENTED] in [0, 1).
    """
    count, _, side, _ = signal.shape
    column = [one[:, None, None, None] for one in random.to(signal.device).unbind(1)]
    signal = signal + _BRIGHTER * (column[0] - 0.5)
    grey = signal.mean(1, keepdim=True)
    signal = grey + 2 * column[1] * (signal - grey)
    mean = signal.mean((1, 2, 3), keepdim=True)
    signal = mean + (0.5 + column[2]) * (signal - mean)
    most = max(1, round(_SHIFT * side))
    moves = (random[:, 3:5] * (2 * most + 1)).long() - most
    padded = functional.pad(signal, (most,) * 4)
    steps = torch.arange(side)
    rows, columns = (most + moves[:, k, None] + steps for k in (0, 1))
    which = torch.arange(count)[:, None, None]
    signal = padded[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
    half = round(_CUT * side) / 2
    inside = [((random[:, 5 + k, None] * side - steps).abs() < half).to(signal.device) for k in (0, 1)]
    return signal * ~(inside[0][:, None, :, None] & inside[1][:, None, None, :])
