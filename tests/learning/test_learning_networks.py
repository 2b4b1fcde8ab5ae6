"""The networks and what trains them: shapes, causality, exact sampling, optimizers, order of pictures."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from painter.learning.learning_config import TokenizerConfig, TrainingConfig, TransformerConfig, UpscalerConfig
from painter.learning.muon import Optimizer, clip_gradients, mean_gradients, orthogonalized
from painter.learning.regions import random_region, region
from painter.learning.schedule import cosine, falling, schedule_of, warmup
from painter.learning.seeds import generator
from painter.learning.signal import to_pixels, to_signal
from painter.learning.token_sampling import BATCH, draw_batch, plain_request
from painter.learning.tokenizer import Tokenizer, reconstruction_loss
from painter.learning.trainer import Order, balanced
from painter.learning.transformer import Transformer, bits_a_token
from painter.learning.upscaler import Upscaler, enlarged
from painter.options.learn import KINDS, SIZES

PLACES, DIMS, LEVELS = 16, 3, 4


@pytest.fixture
def transformer() -> Transformer:
    """One whose weights are random everywhere, so that everything depends on everything it may depend on."""
    torch.manual_seed(0)
    made = Transformer(PLACES, DIMS, LEVELS, 2, TransformerConfig(width=24, layers=2, heads=3, hidden=8))
    with torch.no_grad():
        for values in made.parameters():
            values.normal_(0, 0.3)
    return made.eval()


def random_codes(count: int) -> torch.Tensor:
    return torch.randint(0, LEVELS, (count, PLACES, DIMS), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [3, 4])
def test_tokens_are_levels_and_come_back_at_the_size(size: int, channels: int) -> None:
    tokenizer = Tokenizer(size, channels, TokenizerConfig(width=8, dims=5, levels=3))
    signal = torch.rand(2, channels, size, size) * 2 - 1
    codes = tokenizer.encode(signal)
    assert codes.shape == (2, tokenizer.grid**2, 5) and codes.min() >= 0 and codes.max() <= 2
    assert tokenizer.grid == size // (8 if size >= 64 else 4)
    assert tokenizer.decode(codes).shape == signal.shape
    assert torch.allclose(tokenizer.decode(codes), tokenizer(signal), atol=1e-5)


def test_pixel_art_is_decoded_to_its_own_colors() -> None:
    torch.manual_seed(0)
    colors = to_signal(torch.tensor([[[[0, 0, 0, 0], [200, 10, 30, 255], [20, 90, 250, 255]]]], dtype=torch.uint8))
    colors = colors[0, :, 0].T.contiguous()
    tokenizer = Tokenizer(16, 4, TokenizerConfig(width=8, dims=5, levels=3), colors)
    signal = colors[torch.randint(0, 3, (2, 16, 16))].movedim(-1, 1)
    shown = tokenizer(signal)
    assert torch.equal(shown, tokenizer.decode(tokenizer.encode(signal)))
    assert {tuple(pixel) for pixel in shown.movedim(1, -1).reshape(-1, 4).tolist()} <= {*map(tuple, colors.tolist())}
    numbers = tokenizer.numbers_of(signal)
    assert numbers is not None and torch.equal(colors[numbers.long()].movedim(-1, 1), signal)
    loss = tokenizer.loss(signal, numbers)
    assert loss.item() == pytest.approx(math.log(3), abs=0.5)
    loss.backward()
    assert all(values.grad is not None and values.grad.any() for values in tokenizer.encoder[:2].parameters())
    assert torch.allclose(tokenizer.decoding_loss(tokenizer.encode(signal), signal, numbers), loss)


def test_the_worst_pixels_of_a_piece_count_again() -> None:
    decoded = torch.rand(3, 4, 10, 10, requires_grad=True)
    signal = torch.rand(3, 4, 10, 10)
    loss = reconstruction_loss(decoded, signal)
    difference = (decoded - signal).detach().double().numpy()
    of_pixels = np.abs(difference).mean(1).reshape(3, -1)
    worst = np.argsort(of_pixels, axis=1)[:, -2:]  # of 100
    expected = np.abs(difference).mean() + 0.5 * (difference**2).mean()
    expected += 0.3 * np.take_along_axis(of_pixels, worst, axis=1).mean()
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    loss.backward()
    share = np.full((3, 1, 100), 1 / difference.size)
    np.put_along_axis(share[:, 0], worst, 1 / difference.size + 0.3 / (3 * 2 * 4), axis=1)
    gradient = np.sign(difference) * share.reshape(3, 1, 10, 10) + difference / difference.size
    assert decoded.grad is not None and np.allclose(decoded.grad.numpy(), gradient, rtol=1e-4, atol=1e-8)


def test_a_nose_weighs_more_than_as_much_haze() -> None:
    """Both are as far from the piece in the mean."""
    signal = torch.zeros(1, 3, 64, 64)
    nose, haze = signal.clone(), signal + 20 / 64**2
    nose[..., 30:35, 30:34] = 1.0
    blurred = [reconstruction_loss(one, signal).item() for one in (nose, haze)]
    assert blurred[0] > 10 * blurred[1]
    assert float((nose - signal).abs().mean()) == pytest.approx(float((haze - signal).abs().mean()))


def test_nearest_colors_are_those_of_a_plain_search() -> None:
    colors, signal = torch.rand(40, 3) * 2 - 1, torch.rand(2, 3, 5, 5) * 2 - 1
    found = Tokenizer(16, 3, TokenizerConfig(width=8, dims=5, levels=3), colors).numbers_of(signal)
    assert found is not None
    for b, row, column in np.ndindex(2, 5, 5):
        away = ((colors - signal[b, :, row, column]) ** 2).sum(1)
        assert found[b, row, column] == away.argmin()


def test_a_token_depends_on_nothing_after_it(transformer: Transformer) -> None:
    codes, classes = random_codes(1), torch.zeros(1, PLACES, dtype=torch.long)
    order = torch.randperm(PLACES, generator=torch.Generator().manual_seed(2))[None]
    logits, ordered = transformer(codes, order, classes)
    assert torch.equal(ordered[0], codes[0, order[0]])
    for step in (0, 5, PLACES - 1):
        changed = codes.clone()
        changed[0, order[0, step], 1] = (changed[0, order[0, step], 1] + 1) % LEVELS
        other, _ = transformer(changed, order, classes)
        assert torch.allclose(other[:, :step], logits[:, :step], atol=1e-5)
        assert torch.allclose(other[:, step, :2], logits[:, step, :2], atol=1e-5)  # numbers up to the one that changed
        assert not torch.allclose(other[:, step, 2], logits[:, step, 2], atol=1e-3)


def test_a_class_map_counts_place_by_place(transformer: Transformer) -> None:
    codes, order = random_codes(1), torch.arange(PLACES)[None]
    classes = torch.zeros(1, PLACES, dtype=torch.long)
    mixed = classes.clone()
    mixed[0, 9] = 1
    plain, _ = transformer(codes, order, classes)
    other, _ = transformer(codes, order, mixed)
    assert torch.allclose(plain[:, :9], other[:, :9], atol=1e-5) and not torch.allclose(plain[:, 9], other[:, 9])


def test_drawing_step_by_step_has_the_probabilities_of_training(transformer: Transformer) -> None:
    """With uniform numbers of almost 0, the first value of positive probability is drawn; with others it is checked."""
    requests = [plain_request(transformer, k % 2, "test", k) for k in range(3)]
    codes = draw_batch(transformer, requests, 1.0, 1.0)
    order = torch.stack([one.order for one in requests])
    classes = torch.stack([one.classes for one in requests])
    logits, _ = transformer(codes, order, classes)
    sums = logits.softmax(-1).cumsum(-1)
    uniforms = torch.stack([one.uniforms for one in requests])[..., None]
    expected = (sums <= uniforms).sum(-1).clamp(max=LEVELS - 1)
    near = ((sums - uniforms).abs() < 1e-4).any(-1)
    assert torch.equal(codes[~near], expected[~near]) and near.float().mean() < 0.01


def test_a_piece_does_not_depend_on_those_drawn_beside_it(transformer: Transformer) -> None:
    requests = [plain_request(transformer, 0, "test", k) for k in range(BATCH)]
    alone = draw_batch(transformer, requests[:1], 0.9, 0.9)
    others = draw_batch(transformer, [requests[0], *requests[5:9]], 0.9, 0.9)
    assert torch.equal(alone[0], others[0]) and not torch.equal(others[0], others[1])


def test_low_temperature_and_top_p_draw_the_most_probable(transformer: Transformer) -> None:
    requests = [plain_request(transformer, 0, "test", k) for k in range(8)]
    cold, narrow = draw_batch(transformer, requests, 1e-3, 1.0), draw_batch(transformer, requests, 1.0, 1e-6)
    assert (cold == cold[0]).all() and torch.equal(cold, narrow)


def test_bits_of_guessing_are_those_of_a_token() -> None:
    codes = random_codes(2)
    assert float(bits_a_token(torch.zeros(2, PLACES, DIMS, LEVELS), codes)) == pytest.approx(DIMS * math.log2(LEVELS))


def iterated(matrix: torch.Tensor) -> torch.Tensor:
    """`orthogonalized` as K. Jordan et al. have it, one step of the matrix itself after the other."""
    x: torch.Tensor = matrix / matrix.norm()
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x + (-4.775 * gram + 2.0315 * gram @ gram) @ x
    return x


def test_muon_makes_updates_nearly_orthogonal() -> None:
    for shape in ((24, 60), (60, 24)):
        matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        values = torch.linalg.svdvals(orthogonalized(matrix))
        assert values.min() > 0.6 and values.max() < 1.3
        steps = iterated(matrix) if shape[0] < shape[1] else iterated(matrix.T).T
        assert torch.allclose(orthogonalized(matrix), steps, atol=1e-4)


def test_optimizers_resume_exactly_and_need_no_threads_order() -> None:
    def made() -> tuple[torch.nn.Module, Optimizer]:
        torch.manual_seed(0)
        network = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.Linear(8, 2))
        return network, Optimizer(network, lambda name, values: name == "0.weight", muon_factor=2.0)

    def step(network: torch.nn.Module, optimizer: Optimizer, number: int) -> None:
        random = torch.Generator().manual_seed(number)
        gradients = {n: torch.randn(v.shape, generator=random) for n, v in network.named_parameters()}
        optimizer.step(clip_gradients(gradients, 1.0), 1e-2)

    network, optimizer = made()
    for number in range(4):
        step(network, optimizer, number)
    other, resumed = made()
    for number in range(2):
        step(other, resumed, number)
    weights, state = {n: v.clone() for n, v in other.state_dict().items()}, resumed.state()
    state = {
        "steps": state["steps"],
        **{k: {n: v.clone() for n, v in state[k].items()} for k in ("momentum", "square")},
    }
    third, continued = made()
    third.load_state_dict(weights)
    continued.restore(state)
    for number in range(2, 4):
        step(third, continued, number)
    for name, values in network.state_dict().items():
        assert torch.equal(values, third.state_dict()[name])
    with pytest.raises(ValueError):
        continued.restore({**state, "momentum": {n: v[:1] for n, v in state["momentum"].items()}})


def test_gradients_of_parts_are_averaged_by_their_pictures() -> None:
    parts = [(1, {"a": torch.tensor([0.0])}), (3, {"a": torch.tensor([4.0])})]
    assert mean_gradients(parts)["a"].tolist() == [3.0]
    assert float(clip_gradients({"a": torch.full((4,), 5.0)}, 1.0)["a"].norm()) == pytest.approx(1.0, abs=1e-4)


def test_every_picture_comes_once_in_each_round() -> None:
    order = Order(torch.tensor([3, 5, 7, 9, 11]), 0, "test")
    taken = torch.cat([order.take(k, 2) for k in range(0, 20, 2)]).tolist()
    for start in range(0, 20, 5):
        assert sorted(taken[start : start + 5]) == [3, 5, 7, 9, 11]
    assert Order(torch.tensor([3, 5, 7, 9, 11]), 0, "test").take(13, 3).tolist() == taken[13:16]
    assert taken[:5] != taken[5:10] or taken[5:10] != taken[10:15]


def test_the_smaller_collection_is_repeated() -> None:
    sources = torch.tensor([0] * 6 + [1] * 2)
    assert torch.bincount(sources[balanced(sources, torch.arange(8))]).tolist() == [6, 6]


def test_rates_rise_and_fall_by_pictures() -> None:
    assert warmup(0, 10_000, 100) < 0.02 and warmup(99, 10_000, 100) == 1 and warmup(10, 100, 1000) == 1
    for shape in (falling, cosine):
        values = [shape(k, 100, 0.4, 0.03) for k in range(0, 101, 10)]
        assert values[:4] == [1.0] * 4 and sorted(values, reverse=True) == values and values[-1] == 0.03
    schedule = schedule_of(10_000, TrainingConfig(), judge=True, upscaler=False)
    assert all(count % 16 == 0 for count in (schedule.tokenizer, schedule.decoder, schedule.transformer))
    assert schedule.judge > 0 and schedule.upscaler == 0 and schedule.total > 20_000


def test_generators_depend_on_all_that_they_are_for() -> None:
    first = torch.rand(3, generator=generator("a", 1))
    assert torch.equal(first, torch.rand(3, generator=generator("a", 1)))
    assert not torch.equal(first, torch.rand(3, generator=generator("a", 2)))


def test_signals_keep_pixels_and_hide_colors_behind_transparency() -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (2, 8, 8, 4), np.uint8)
    pixels[..., 3] = np.where(random.random((2, 8, 8)) < 0.5, 255, 0)
    back = to_pixels(to_signal(torch.from_numpy(pixels)))
    seen = pixels[..., 3] > 0
    assert np.array_equal(back[seen], pixels[seen]) and (back[~seen] == 0).all()
    opaque = pixels[..., :3].copy()
    assert np.array_equal(to_pixels(to_signal(torch.from_numpy(opaque))), opaque)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "mixed"])
def test_regions_grow_with_their_share(kind: str) -> None:
    parts = [region(kind, 8, share) for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
    for small, large in pairwise(parts):
        assert not (small & ~large).any()
    shares = [float(part.float().mean()) for part in parts]
    assert shares == pytest.approx([0, 0.25, 0.5, 0.75, 1], abs=0.07)


def test_random_regions_are_parts() -> None:
    random = torch.Generator().manual_seed(0)
    shares = [float(random_region(8, random).float().mean()) for _ in range(200)]
    assert 0 < np.mean(shares) < 0.6 and max(shares) < 1


def test_an_upscaler_starts_as_bicubic_enlargement() -> None:
    signal = torch.rand(1, 3, 8, 8)
    upscaler = Upscaler(3, UpscalerConfig(width=8, blocks=1))
    assert enlarged(upscaler, signal, 4).shape == (1, 3, 32, 32)
    bicubic = torch.nn.functional.interpolate(signal, scale_factor=2, mode="bicubic", align_corners=False)
    assert torch.allclose(upscaler(signal), bicubic)
