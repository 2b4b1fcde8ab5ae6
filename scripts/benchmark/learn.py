"""What learning a collection reaches: figures of new pieces beside those of real ones that were held out.

    python -m scripts.benchmark.learn FOLDER [FOLDER2] [--minutes 30] [--held-out 400] [--pieces 400] [--out FOLDER]
    python -m scripts.benchmark.learn FOLDER [FOLDER2] --model X.model [--judge JUDGE.safetensors]

The last --held-out pieces of each collection are not learned. The table has a row for them, which is what can be
reached, and one for as many new pieces; with two folders also for children, against the union of both. Run it on a
quiet machine.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import safetensors.torch

from painter.learning.generating import make_maker
from painter.learning.judge import Judge
from painter.learning.learning import Paths, learn, make_run
from painter.learning.learning_config import Design
from painter.learning.model_file import Model, load_model
from painter.learning.sheets import write_sheet
from painter.learning.training import LearnProgress
from painter.learning.training_pictures import Collection, read_collection
from painter.learning.workers import worker_threads
from painter.options.learn import BlendConfig, GenerateConfig, LearnConfig
from painter.system.usage import peak_rss_mb
from scripts.benchmark.learn_figures import ParentJudge, figures, load_lite, train_judge, untrained_judge

JUDGED = 60_000  # pictures that the judge is trained on


def main() -> None:
    options = read_options()
    options.out.mkdir(parents=True, exist_ok=True)
    config = LearnConfig(
        minutes=options.minutes, size=options.size, seed=options.seed, engine=options.engine,
        gan_loss=options.gan_loss, mirror=options.mirror,
    )  # fmt: skip
    collection = read_collection(options.folders, config)
    learned, held_out = split(collection, options.held_out)
    judge = kept_judge(collection, options.judged, options.judge)
    about: dict[str, float] = {}
    if options.model is not None:
        model = load_model(options.model)
        if model.counts != tuple(np.bincount(learned.sources).tolist()):
            raise SystemExit(f"{options.model}: learned from {model.counts} pieces, not from all but the last ones")
    else:
        print(f"learning {len(learned.pixels)} pieces for {options.minutes:g} minutes", flush=True)
        start = time.monotonic()
        model = learned_now(learned, config, options.out)
        about["minutes"] = (time.monotonic() - start) / 60
    rows = rows_of(model, judge, learned, held_out, options)
    if len(model.names) == 2:
        rows |= rows_of_children(model, judge, collection, learned, held_out, options)
    (options.out / "figures.json").write_text(
        json.dumps({**about, "learned": dict(model.figures), "rows": rows}, indent=2)
    )
    print(f"{about} {peak_rss_mb()} MB at most, {dict(model.figures)}\n{table(rows)}")


def kept_judge(collection: Collection, pictures: int, path: Path | None) -> Judge:
    """The judge in a file, or one that is trained now, and written there if a file is named."""
    judge = None if path is not None and path.is_file() else train_judge(collection, pictures)
    if judge is None:
        assert path is not None
        judge = untrained_judge(collection)
        judge.load_state_dict(safetensors.torch.load_file(path))
    elif path is not None:
        safetensors.torch.save_file({name: one.contiguous() for name, one in judge.state_dict().items()}, path)
    return judge.eval()


def learned_now(learned: Collection, config: LearnConfig, folder: Path) -> Model:
    """A model that is learned now; samples and losses are written beside it."""
    start, reported = time.monotonic(), [0.0]

    def report(progress: LearnProgress) -> None:
        if time.monotonic() - reported[0] >= 60:
            reported[0] = time.monotonic()
            print(f"{(time.monotonic() - start) / 60:5.1f} min  {progress}", flush=True)

    model = learn(make_run(learned, config, Design()), Paths(folder / "x.model"), on_progress=report)
    assert model is not None
    return model


def rows_of(
    model: Model, judge: Judge, learned: Collection, held_out: Collection, options: argparse.Namespace
) -> dict[str, Mapping[str, float]]:
    """Pieces held out and new ones, of each collection."""
    rows: dict[str, Mapping[str, float]] = {}
    lite = load_lite()
    for number, name in enumerate(model.names):
        real = learned.pixels[learned.sources == number]
        rows[f"{name}: held out"] = figures(judge, held_out.pixels[held_out.sources == number], real, lite)
        only = replace(model, counts=tuple(int(k == number) for k in range(len(model.names))))
        made = draw(only, GenerateConfig(count=options.pieces, seed=options.seed))
        write_sheet(made[:96], options.out / f"{name}.png")
        rows[f"{name}: new pieces"] = figures(judge, made, real, lite)
    return rows


def rows_of_children(
    model: Model, judge: Judge, collection: Collection, learned: Collection, held_out: Collection,
    options: argparse.Namespace,
) -> dict[str, Mapping[str, float]]:  # fmt: skip
    """Pieces of both collections and children, against the union of both."""
    rows: dict[str, Mapping[str, float]] = {}
    half = held_out.pixels[np.argsort(np.arange(len(held_out.pixels)) % options.held_out, kind="stable")]
    rows["both: held out"] = figures(judge, half[: options.pieces], learned.pixels)
    for number, name in enumerate(model.names):
        one = held_out.pixels[held_out.sources == number]
        rows[f"both: {name} alone"] = figures(judge, one[: options.pieces], learned.pixels)
    made = draw(model, BlendConfig(count=options.pieces, seed=options.seed))
    write_sheet(made[:96], options.out / "children.png")
    rows["both: children"] = figures(judge, made, learned.pixels)
    both = ParentJudge(collection, options.judged // 2).train().both(made)
    print(f"children in which a judge trained with mixtures sees both parents: {both:.0%}", flush=True)
    return rows


def read_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="pictures, with metadata beside them")
    parser.add_argument("--minutes", type=float, default=30.0, help="how long to learn (default: 30)")
    parser.add_argument("--size", type=lambda text: text if text == "auto" else int(text), default="auto")
    parser.add_argument("--engine", default="tokens", help="tokens or dcgan")
    parser.add_argument("--gan-loss", default="plain", help="plain or relativistic, of dcgan")
    parser.add_argument("--mirror", default="no", help="no, yes or auto")
    parser.add_argument("--held-out", type=int, default=400, help="pieces of each collection (default: 400)")
    parser.add_argument("--pieces", type=int, default=400, help="new pieces of each kind (default: 400)")
    parser.add_argument("--model", type=Path, help="evaluate this model of all but the last pieces; learn none")
    parser.add_argument("--judge", type=Path, help="keep the judge in this file, and read it if it is there")
    parser.add_argument("--judged", type=int, default=JUDGED, help=f"pictures for the judge (default: {JUDGED})")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("output/learn"))
    return parser.parse_args()


def split(collection: Collection, held_out: int) -> tuple[Collection, Collection]:
    """The pieces that are learned, and the last ones of each source."""
    last = np.zeros(len(collection.pixels), bool)
    for number in range(len(collection.names)):
        last[np.flatnonzero(collection.sources == number)[-held_out:]] = True
    return _part(collection, ~last), _part(collection, last)


def _part(collection: Collection, chosen: np.ndarray) -> Collection:
    traits = tuple(one for one, taken in zip(collection.traits, chosen, strict=True) if taken)
    return replace(collection, pixels=collection.pixels[chosen], sources=collection.sources[chosen], traits=traits)


def draw(model: Model, config: GenerateConfig) -> np.ndarray:
    """New pieces, or children, as squares: uint8 [n, S, S, C]."""
    with worker_threads("cpu") as threads:
        pieces = list(make_maker(model, config, Design()).make(1, config.count, threads))
    refused, passed_over = sum(len(one.refusals) for one in pieces), sum(one.passed_over for one in pieces)
    print(f"{refused} refused, {passed_over} passed over, of {config.count}", flush=True)
    return np.stack([model.form.padded(piece.pixels) for piece in pieces if piece.pixels is not None])


def table(rows: Mapping[str, Mapping[str, float]]) -> str:
    """The rows as lines of text."""
    names = list(next(iter(rows.values())))
    width = max(map(len, rows))
    lines = [" " * width + "".join(f"{name:>11}" for name in names)]
    nan = float("nan")  # children have no KID
    lines += [
        f"{title:<{width}}" + "".join(f"{row.get(name, nan):>11.3f}" for name in names) for title, row in rows.items()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
