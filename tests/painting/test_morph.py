"""Morphs: strokes that move from one painting to another, from the one's bytes to the other's."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.paintings import make_painting
from PIL import Image, ImageSequence

from painter import MorphConfig, Painting, cli, morph
from painter.errors import OptionError
from painter.export.timeline import make_passage, share_after
from painter.options.export import EASES, ExportConfig
from painter.painting import pairing
from painter.painting.animation import there_and_back
from painter.pictures.oklab import from_oklab, to_oklab
from renderers.brushes import BRUSHES
from renderers.brushes.base import wrapped
from renderers.brushes.stamp import Stamp
from renderers.drawing import draw
from renderers.poses import Pose, half_turned, turned_like
from renderers.strokes import Strokes

NAMES = ("oilpaintbrush", "watercolor", "markerpen", "rectangle")


def strokes_of(brush: str, count: int, seed: int) -> Strokes:
    generator = torch.Generator().manual_seed(seed)
    tools = BRUSHES[brush]
    return Strokes(
        brush,
        tools.sample(count, generator),
        torch.rand(count, tools.colors, 3, generator=generator),
        0.3 + 0.7 * torch.rand(count, generator=generator),
        torch.randint(0, 2**31, (count,), generator=generator),
    )


def two(brush: str = "markerpen", counts: tuple[int, int] = (20, 20)) -> tuple[Painting, Painting]:
    """Two paintings of random strokes, bare and 48 px long, on white and on blue."""
    bare = make_painting(1, brush=brush)
    bare = replace(bare, config=replace(bare.config, size=48, texture=0.0))
    first, second = (replace(bare, strokes=strokes_of(brush, count, k)) for k, count in enumerate(counts))
    return first, replace(second, ground=(0.0, 0.2, 0.6))


def test_a_way_has_two_frames_at_least() -> None:
    with pytest.raises(ValueError, match="got count=1"):
        morph(*two()).frames(count=1)


@pytest.mark.parametrize("brush", NAMES)
def test_the_ends_are_the_two_paintings_and_the_way_has_no_leaps(brush: str) -> None:
    first, second = two(brush)
    turning = morph(first, second)
    assert np.array_equal(turning.at(0).draw(), first.draw())
    assert np.array_equal(turning.at(1).draw(), second.draw())
    shares = (0.0, 1e-4, 0.5, 1 - 1e-4, 1.0)
    start, near, middle, late, end = (frame.astype(float) for frame in turning.drawn(shares))
    for edge, beside in ((start, near), (end, late)):
        assert np.abs(edge - beside).mean() < 0.5 < np.abs(edge - middle).mean()


@pytest.mark.parametrize("brush", NAMES)
def test_poses_describe_strokes_and_are_moved_in_their_own_frames(brush: str) -> None:
    one, other = strokes_of(brush, 30, 1), strokes_of(brush, 30, 2)
    poses = Pose.of(one), Pose.of(other)
    for name, values in poses[0].params(brush).items():
        assert torch.allclose(values, one.params[name], atol=1e-5), name
    half = poses[0].towards(poses[1], 0.5)
    assert torch.allclose(half.sizes, (poses[0].sizes * poses[1].sizes).sqrt())
    assert torch.allclose(half.center, (poses[0].center + poses[1].center) / 2)
    assert float(wrapped(half.angle - poses[0].angle).abs().max()) <= np.pi / 2 + 1e-6
    for k in (0, 1):
        reached = poses[0].towards(poses[1], k)
        assert torch.allclose(torch.cos(reached.angle), torch.cos(poses[k].angle), atol=1e-9)


@pytest.mark.parametrize("brush", [name for name in NAMES if BRUSHES[name].half_turn])
def test_a_half_turned_stroke_looks_the_same(brush: str) -> None:
    """Its seed's texture apart, which is faint next to what another direction of an oil stroke would be."""
    strokes, canvas = strokes_of(brush, 1, 3), np.ones((96, 96, 3), np.float32)
    shown = [draw(each, canvas.copy()) for each in (strokes, half_turned(strokes))]
    assert np.abs(shown[0] - shown[1]).mean() < 0.1 * np.abs(shown[0] - canvas).mean()
    oil = strokes_of("oilpaintbrush", 1, 3)
    turned = half_turned(oil)
    assert torch.equal(turned.colors, oil.colors.flip(1)) and turned_like(oil, turned) is oil


def test_strokes_turn_the_short_way_modulo_their_symmetry() -> None:
    one = strokes_of("rectangle", 40, 1)
    angles = {**one.params, "angle": wrapped(one.params["angle"] + np.pi - 0.1)}
    turned = turned_like(replace(one, params=angles), one)
    away = wrapped(Pose.of(turned).angle - Pose.of(one).angle)
    assert torch.allclose(away, torch.full_like(away, -0.1), atol=1e-5)


def test_only_a_stamp_that_is_alike_after_half_a_turn_has_that_symmetry() -> None:
    assert Stamp(np.ones((4, 9), np.float32)).half_turn
    assert not Stamp(np.linspace(0.1, 1, 36, dtype=np.float32).reshape(4, 9)).half_turn


def test_strokes_go_where_all_of_them_together_have_least_to_go() -> None:
    strokes = strokes_of("oilpaintbrush", 40, 1)
    mixed = torch.randperm(40, generator=torch.Generator().manual_seed(0))
    rows, columns = pairing.assign(*(pairing.features(each)[:, :-1] for each in (strokes, strokes[mixed])))
    assert mixed[torch.from_numpy(columns)].tolist() == rows.tolist()


def test_many_strokes_are_assigned_in_parts_at_little_more_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    first, second = rng.random((150, 3)), rng.random((211, 3))

    def cost(rows: np.ndarray, columns: np.ndarray) -> float:
        assert len(set(rows)) == len(set(columns)) == 150
        return float(((first[rows] - second[columns]) ** 2).sum())

    exact, chance = cost(*pairing.assign(first, second)), cost(np.arange(150), np.arange(150))
    monkeypatch.setattr(pairing, "MOST", 40)
    in_parts = cost(*pairing.assign(first, second))
    assert exact < in_parts < exact + 0.15 * (chance - exact)
    columns, rows = pairing.assign(second, first)
    assert cost(rows, columns) == pytest.approx(in_parts)


@pytest.mark.parametrize("counts", [(20, 9), (9, 20)])
def test_what_one_painting_has_more_fades(counts: tuple[int, int]) -> None:
    first, second = two(counts=counts)
    turning = morph(first, second)
    many = first if counts[0] > counts[1] else second
    for share in (0.25, 0.75):
        there = turning.at(share).strokes
        assert len(there) == 20
        more = share if many is second else 1 - share
        faded = sum(bool((there.opacity - more * opacity).abs().min() < 1e-6) for opacity in many.strokes.opacity)
        assert faded >= 11
    assert (len(turning.at(0).strokes), len(turning.at(1).strokes)) == counts


def test_colors_are_mixed_as_they_look() -> None:
    colors = np.random.default_rng(0).random((50, 3))
    assert np.allclose(from_oklab(to_oklab(colors)), colors, atol=1e-6)
    first, second = two()
    middle = morph(first, second).at(0.5)
    assert middle.ground is not None and middle.ground != (0.5, 0.6, 0.8)
    grey = to_oklab(np.array(middle.ground))[0]
    assert grey == pytest.approx((1 + to_oklab(np.array(second.ground))[0]) / 2, abs=1e-6)


def test_regions_are_blended_in_steps_that_a_stroke_file_can_keep(tmp_path: Path) -> None:
    first, second = two()
    shown = np.zeros((3, 4), np.float32)
    middle = morph(replace(first, region=shown), second).at(0.3)
    assert middle.region is not None and np.ptp(middle.region) == 0 and middle.region[0, 0] == np.float32(76 / 255)
    middle.save(str(tmp_path / "middle.strokes.json"))
    again = Painting.load(tmp_path / "middle.strokes.json")
    assert np.array_equal(again.draw(), middle.draw())


def test_there_and_back_again() -> None:
    frames = [np.full((2, 3, 3), k, np.uint8) for k in range(4)]
    assert [int(frame[0, 0, 0]) for frame in there_and_back(frames)] == [0, 1, 2, 3, 2, 1]
    assert [int(frame[0, 0, 0]) for frame in there_and_back(frames[:1])] == [0]
    config = ExportConfig(frames=4, fps=10, hold=0.5)
    passage = make_passage(config, back=True)
    assert [count for count, _ in passage.shots] == [0, 1, 2, 3, 2, 1]
    assert [float(time) for _, time in passage.shots] == [0.5, 0.1, 0.1, 0.5, 0.1, 0.1]
    assert float(passage.seconds) == pytest.approx(1.4)
    assert [count for count, _ in make_passage(config, back=False).shots] == [0, 1, 2, 3]


@pytest.mark.parametrize("ease", EASES)
def test_an_ease_begins_at_0_and_ends_at_1(ease: str) -> None:
    shares = [share_after(k, 10, ease) for k in range(11)]
    assert shares[0] == 0 and shares[-1] == 1 and shares == sorted(set(shares))
    middle = {"linear": 0.5, "early": 0.75, "late": 0.25, "smooth": 0.5}
    assert shares[5] == pytest.approx(middle[ease], abs=1e-9)
    assert (shares[1] < 0.05) == (ease in ("late", "smooth"))


def pictures_of(file: str) -> list[np.ndarray]:
    with Image.open(file) as shown:
        return [np.array(frame.convert("RGB")) for frame in ImageSequence.Iterator(shown)]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a.strokes.json and b.strokes.json, in which commands are given."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["paint.py"])
    for name, painting in zip("ab", two(), strict=True):
        painting.save(f"{name}.strokes.json")
    return tmp_path


def command(*words: str) -> int:
    return cli.main(["morph", "a.strokes.json", "b.strokes.json", *words])


@pytest.mark.slow
def test_the_command_writes_what_moves_and_what_stands_still(files: Path) -> None:
    names = ("m.gif", "m.webp", "m.png", "m.strokes.json", "frames/")
    outputs = [word for name in names for word in ("-o", name)]
    assert command(*outputs, "--frames", "4", "--quiet", "--hold", "0.3") == 0
    for name in ("m.gif", "m.webp"):
        assert len(pictures_of(name)) == 6
    first, second = (Painting.load(f"{name}.strokes.json") for name in "ab")
    frames = [pictures_of(str(file))[0] for file in sorted((files / "frames").iterdir())]
    assert len(frames) == 6
    assert np.array_equal(frames[0], first.draw()) and np.array_equal(frames[3], second.draw())
    (middle,) = pictures_of("m.png")
    assert np.array_equal(middle, Painting.load("m.strokes.json").draw())
    assert np.array_equal(middle, morph(first, second).at(0.5).draw())


def test_at_makes_stills_and_its_ends_are_the_two_files(files: Path) -> None:
    for at, name in ((0, "a"), (1, "b")):
        assert command("-o", f"{at}.png", "-o", f"{at}.webp", "-o", f"{at}.strokes.json", "--at", str(at)) == 0
        assert Path(f"{at}.strokes.json").read_bytes() == Path(f"{name}.strokes.json").read_bytes()
        Painting.load(f"{name}.strokes.json").save(f"{name}.png")
        assert Path(f"{at}.png").read_bytes() == Path(f"{name}.png").read_bytes()
        assert len(pictures_of(f"{at}.webp")) == 1


def test_options_do_what_they_say(files: Path) -> None:
    assert command("-o", "one.gif", "--one-way", "--frames", "3", "--ease", "late", "--size", "32") == 0
    shown = pictures_of("one.gif")
    assert len(shown) == 3 and shown[0].shape == (24, 32, 3)
    late = shown[1].astype(float)
    turning = morph(*two(), MorphConfig(size=32, ease="late"))
    quarter, half = (turning.at(share).draw().astype(float) for share in (0.25, 0.5))
    assert np.abs(late - quarter).mean() < np.abs(late - half).mean()


REFUSED: dict[str, tuple[Callable[[Painting], Painting], str]] = {
    "brush": (lambda p: replace(p, strokes=strokes_of("rectangle", 5, 0)), "of two brushes"),
    "shape": (lambda p: replace(p, aspect=(4, 3)), "other proportions"),
    "ground": (lambda p: replace(p, ground=None), "--canvas"),
    "mixing": (lambda p: replace(p, config=replace(p.config, mixing="pigment")), "--mixing"),
    "sheet": (lambda p: replace(p, config=replace(p.config, ground="linen", texture=0.5)), "--ground"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_go_together_is_refused_in_one_line(case: str) -> None:
    change, words = REFUSED[case]
    first, second = two()
    with pytest.raises(OptionError, match=words) as caught:
        morph(first, change(second))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "x.gif", "--at", "1.5"], "--at 1.5"),
        (["-o", "x.xyz"], "there is no format"),
        (["-o", "a.strokes.json", "--overwrite"], "it is the first stroke file"),
        (["-o", "x.gif", "--ease", "bounce"], "--ease bounce"),
    ],
)
def test_mistakes_are_told_in_one_line(
    files: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(*words) == 2
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1 and not Path("x.gif").exists()


def test_options_without_effect_are_told(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("-o", "x.png", "--one-way", "--frames", "3", "--hold", "3") == 0
    told = capsys.readouterr().err
    assert all(f"--{name} has no effect on x.png" in told for name in ("one-way", "frames", "hold"))
    assert command("-o", "x.gif", "--at", "0.2", "--frames", "2") == 0
    assert capsys.readouterr().err == "--at has no effect on x.gif\n"
