"""A folder of new pieces: drawn, enlarged or painted, with metadata, a list of them and a contact sheet.

    images/N.png        the pieces, or the paintings of them
    pieces/N.png        the pieces as they were drawn, if they are enlarged or painted
    regions/N.png       what paintings are painted from
    strokes/N.strokes.json.gz  the strokes of a piece that a model of the engine 'strokes' painted
    json/N.json         their metadata, in the layout of HashLips' engine; all of it in json/_metadata.json
    pieces.csv          what each was drawn from, and which copies were refused
    settings.json       what the folder is of; a run with the same settings continues it

Pieces are written in groups, so that a kill loses little; what is there already is not drawn again.
"""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from painter.batch.collection.contact import MAX_SHOWN, contact_sheet, shown_on_sheet
from painter.batch.collection.derived import ALL_METADATA, CONTACT
from painter.batch.collection.metadata import COMPILER, to_json
from painter.batch.collection.writing import write_all
from painter.batch.jobs import Job
from painter.errors import OptionError, OutputError, one_line
from painter.learning.drawing import Children, NewPieces
from painter.learning.enlarging import to_paint, upscaled
from painter.learning.gan_drawing import Latents
from painter.learning.gan_networks import GanNetworks
from painter.learning.learning_config import Design
from painter.learning.listing import NAME as LISTING
from painter.learning.listing import Entry, read_entries, still_there, write_text
from painter.learning.model_file import Model
from painter.learning.pieces import Drawer, Piece, PieceMaker
from painter.learning.seeds import generator
from painter.learning.signal import to_signal
from painter.learning.stroke_painting import painting_of
from painter.learning.token_sampling import BATCH
from painter.learning.workers import worker_threads
from painter.options.fields import option_name
from painter.options.learn import BlendConfig, GenerateConfig
from painter.options.paint import PaintConfig
from painter.painting.stroke_file import packed_strokes
from painter.system.fingerprint import differences
from painter.system.interrupts import deferred_interrupts

SETTINGS = "settings.json"
_STARTED = "started"  # in the settings: when, in milliseconds since 1970, which metadata need
_GROUP = 16 * BATCH  # pieces that are written at a time

OnPiece = Callable[[int, int], None]  # called with the number of pieces made so far, and how many there will be


@dataclass(frozen=True)
class Made:
    """What a folder has."""

    entries: tuple[Entry, ...]  # a line for each number, in order
    interrupted: bool = False  # whether Ctrl-C ended the run early

    @property
    def kept(self) -> list[int]:
        """The numbers of the pieces that were kept."""
        return [entry.number for entry in self.entries if entry.sha256]

    @property
    def refused(self) -> int:
        """How many pieces were drawn and refused."""
        return sum(entry.tries - entry.passed_over - bool(entry.sha256) for entry in self.entries)


class PieceFolder:
    """One folder of pieces.

    Args:
        model: what draws them.
        config: what is asked for; a BlendConfig asks for children.
        folder: exists.
        model_digest: of the model's file, so that pieces of two models are never mixed.

    Raises:
        OptionError: the folder has pieces that were made with other settings, or the model cannot do what is asked.
        OutputError: the folder has other files, or a damaged list.
    """

    def __init__(
        self, model: Model, config: GenerateConfig, folder: Path, model_digest: str, design: Design | None = None
    ) -> None:
        self.model, self.config, self.folder, self.design = model, config, folder, design or Design()
        _check_possible(model, config)
        self._plain = config.upscale is None and config.paint is None and model.engine != "strokes"
        self._drawn_file = "images/{}.png" if self._plain else "pieces/{}.png"
        self._settings = _settings(config, model_digest)
        self._check_settings()

    def make(self, on_piece: OnPiece | None = None) -> Made:
        """Draw the pieces that are missing, and write everything but paintings. Ctrl-C ends it after a group.

        Raises:
            OutputError: a file cannot be written; what is there stays.
        """
        entries = still_there(read_entries(self.folder), self.folder, self._drawn_file)
        count = self.config.count
        # Pieces are drawn in batches; one that is there in part is drawn again.
        entries = entries[: count if len(entries) >= count else len(entries) // BATCH * BATCH]
        write_all(self.folder, {SETTINGS: to_json(self._settings)})
        maker = self._maker(entries)
        with worker_threads("cpu") as threads, deferred_interrupts() as interrupts:
            while len(entries) < count and not interrupts:
                first, last = len(entries) + 1, min(count, len(entries) + _GROUP)
                pieces = []
                for piece in maker.make(first, last, threads):
                    pieces.append(piece)
                    if on_piece is not None:
                        on_piece(piece.number, count)
                entries = [*entries, *self._write(pieces, entries, threads)]
            self._finish(entries)
        return Made(tuple(entries), bool(interrupts))

    def jobs(self, made: Made) -> list[Job]:
        """The paintings to be made, for painter.batch.driver.run_jobs."""
        config = self.config
        assert config.paint is not None
        jobs = []
        for number in made.kept:
            seed = _painting_seed(config.seed, number)
            paint = PaintConfig(style=config.paint, size=config.size, strokes=config.strokes, seed=seed)
            jobs.append(Job(str(number), self.folder / f"regions/{number}.png", paint, (f"images/{number}.png",)))
        return jobs

    def write_contact_sheet(self, numbers: Sequence[int]) -> None:
        """Write a sheet of the finished pieces with these numbers, or of some of them if they are very many.

        Raises:
            OutputError: it cannot be written.
            PictureError: a piece cannot be read.
        """
        shown = shown_on_sheet(numbers, MAX_SHOWN["png"])
        if shown:
            content = io.BytesIO()
            contact_sheet([(number, self.folder / f"images/{number}.png") for number in shown]).save(content, "PNG")
            write_all(self.folder, {CONTACT: content.getvalue()})

    @property
    def list_file(self) -> Path:
        """The list of the pieces."""
        return self.folder / LISTING

    # --- the folder ---

    def _check_settings(self) -> None:
        path = self.folder / SETTINGS
        self._settings[_STARTED] = int(time.time() * 1000)
        if not path.exists():
            others = sorted(one.name for one in self.folder.iterdir() if not one.name.startswith("."))
            if others:
                wrong = f"it has other files ({one_line(others[0])})"
                raise OutputError(
                    f"cannot write to {one_line(self.folder)}: {wrong}; choose a new or empty folder with -o"
                )
            return
        try:
            before = json.loads(path.read_text("utf-8"))
            if not isinstance(before, dict) or not isinstance(before.get(_STARTED), int):
                raise ValueError
        except (OSError, ValueError) as error:
            raise OutputError(f"{one_line(path)}: it is damaged; choose another folder with -o") from error
        self._settings[_STARTED] = before[_STARTED]
        difference = differences(before, self._settings)
        if difference:
            remedy = "use the same model and options, or choose another folder with -o"
            raise OptionError(f"{one_line(self.folder)} was started with {difference}; {remedy}")

    def _maker(self, entries: Sequence[Entry]) -> PieceMaker:
        maker = make_maker(self.model, self.config, self.design)
        for entry in entries:
            if entry.sha256:
                maker.remember(entry.number, self._read(entry.number))
        return maker

    def _read(self, number: int) -> np.ndarray:
        with Image.open(self.folder / self._drawn_file.format(number)) as image:
            return np.asarray(image)

    def _write(self, pieces: Sequence[Piece], before: Sequence[Entry], threads: Executor) -> list[Entry]:
        """Write a group of pieces and the list with them; their entries."""
        files: dict[str, bytes] = {}
        for contents in threads.map(self._files, pieces):
            files |= contents
        entries = [self._entry(piece, files) for piece in pieces]
        files |= self._metadata(pieces)
        write_all(self.folder, files)
        write_all(self.folder, {LISTING: write_text([*before, *entries])})
        return entries

    def _files(self, piece: Piece) -> dict[str, bytes]:
        """The pictures of one piece."""
        if piece.pixels is None:
            return {}
        number, config, cleaning = piece.number, self.config, self.design.cleaning
        files = {self._drawn_file.format(number): _png(piece.pixels)}
        if self.model.engine == "strokes":
            files |= self._painted(piece)
        elif config.paint is not None:
            files[f"regions/{number}.png"] = _png(to_paint(self.model, piece.pixels, config.size, cleaning))
        elif config.upscale is not None:
            files[f"images/{number}.png"] = _png(upscaled(self.model, piece.pixels, config.upscale, cleaning))
        return files

    @torch.no_grad()
    def _painted(self, piece: Piece) -> dict[str, bytes]:
        """The painting of a piece, of a model that paints."""
        strokes = self.model.of_tokens.strokes
        assert strokes is not None and piece.codes is not None
        numbers, grounds = strokes(piece.codes[None])
        painting = painting_of(numbers[0], grounds[0], self.model.form, self.config.size)
        return {
            f"images/{piece.number}.png": _png(painting.draw()),
            f"strokes/{piece.number}.strokes.json.gz": packed_strokes(painting),
        }

    def _entry(self, piece: Piece, files: dict[str, bytes]) -> Entry:
        content = files.get(self._drawn_file.format(piece.number))
        return Entry(
            piece.number,
            "" if content is None else hashlib.sha256(content).hexdigest(),
            self.model.names[piece.origin.source],
            piece.origin.kind,
            piece.origin.share,
            piece.passed_over + len(piece.refusals) + (piece.pixels is not None),
            round(piece.distance, 3),
            piece.neighbour + 1,
            "; ".join(refusal.why for refusal in piece.refusals),
            piece.passed_over,
        )

    def _metadata(self, pieces: Sequence[Piece]) -> dict[str, bytes]:
        """The metadata of the pieces that were kept, with the traits that the judge reads."""
        kept = [piece for piece in pieces if piece.pixels is not None]
        traits: list[dict[str, str]] = [{} for _ in kept]
        judge = self.model.networks.judge
        if judge is not None and kept:
            form = self.model.form
            square = np.stack([form.padded(piece.pixels) for piece in kept if piece.pixels is not None])
            traits = [one for part in torch.from_numpy(square).split(BATCH) for one in judge.read(to_signal(part))]
        return {
            f"json/{piece.number}.json": to_json(self._token(piece, one))
            for piece, one in zip(kept, traits, strict=True)
        }

    def _token(self, piece: Piece, traits: dict[str, str]) -> dict[str, Any]:
        name = " x ".join(self.model.names) if piece.origin.kind else self.model.names[piece.origin.source]
        attributes = [{"trait_type": trait, "value": value} for trait, value in traits.items()]
        if piece.origin.kind:
            parents = (self.model.names[piece.origin.source], self.model.names[1 - piece.origin.source])
            attributes += [
                {"trait_type": "Parent", "value": parents[0]},
                {"trait_type": piece.origin.kind.capitalize(), "value": parents[1]},
            ]
        elif len(self.model.names) > 1:
            attributes.append({"trait_type": "Collection", "value": name})
        return {
            "name": f"{name} #{piece.number}",
            "description": f"A new piece, learned from {' and '.join(self.model.names)}.",
            "image": f"images/{piece.number}.png",
            "dna": hashlib.sha1(b"" if piece.pixels is None else piece.pixels.tobytes()).hexdigest(),
            "edition": piece.number,
            "date": self._settings[_STARTED],
            "attributes": attributes,
            "compiler": COMPILER,
        }

    def _finish(self, entries: Sequence[Entry]) -> None:
        """Write the metadata of all pieces in one file."""
        numbers = [entry.number for entry in entries if entry.sha256]
        tokens = [json.loads((self.folder / f"json/{number}.json").read_text("utf-8")) for number in numbers]
        write_all(self.folder, {ALL_METADATA: to_json(tokens)})


def _check_possible(model: Model, config: GenerateConfig) -> None:
    """Raise OptionError if the model cannot do what is asked."""
    if model.engine == "dcgan":
        _check_gan(model, config)
    if model.engine == "strokes":
        _check_painted(config)
    elif config.paint is None and config.size != type(config).size:
        raise OptionError(f"--size {config.size}: has no effect without --paint STYLE")
    if config.upscale is not None and model.networks.upscaler is None and not model.pixel_art:
        why = "learning was interrupted before its upscaler" if not model.finished else "this model has no upscaler"
        raise OptionError(f"--upscale {config.upscale}: {why}; leave it out, or learn the collection again")
    if isinstance(config, BlendConfig) and len(model.names) != 2:
        raise OptionError(
            f"blend: the model was learned from one collection, {one_line(model.names[0])}; learn two together with "
            "`collection learn A B -o AB.model`"
        )


def make_maker(model: Model, config: GenerateConfig, design: Design) -> PieceMaker:
    """What makes the pieces, or children, that are asked for. Only new pieces have the collection's rarities."""
    as_learned = not config.raw and not isinstance(config, BlendConfig)
    return PieceMaker(
        model, make_drawer(model, config, design), design, config.raw, config.seed if as_learned else None
    )


def make_drawer(model: Model, config: GenerateConfig, design: Design) -> Drawer:
    """What draws the pieces, or children, that are asked for."""
    if isinstance(model.networks, GanNetworks):
        return Latents(model.networks.generator.config.latent, len(model.names), config)
    return Children(model, config, design.blending) if isinstance(config, BlendConfig) else NewPieces(model, config)


def _check_gan(model: Model, config: GenerateConfig) -> None:
    """Raise OptionError if a model of the engine dcgan cannot do what is asked."""
    if len(model.names) > 1 and not isinstance(config, BlendConfig):
        raise OptionError("generate: this model, of the engine dcgan, makes children of two; use `collection blend`")
    for name in ("top_p", "balance", "kind"):
        if getattr(config, name, None) != getattr(type(config), name, None):
            raise OptionError(
                f"{option_name(name)} {getattr(config, name)}: has no effect with a model of the engine dcgan"
            )


def _check_painted(config: GenerateConfig) -> None:
    """Raise OptionError if a model whose pieces are paintings cannot do what is asked."""
    for name in ("paint", "upscale", "raw"):
        if getattr(config, name):
            why = "has no effect with a model of the engine strokes, whose pieces are paintings of any --size"
            raise OptionError(f"{option_name(name)}: {why}; leave it out")


def _settings(config: GenerateConfig, model_digest: str) -> dict[str, Any]:
    """What decides the pieces of a folder, except how many they are."""
    values = {option_name(name): value for name, value in asdict(config).items() if name != "count"}
    return {"kind": type(config).__name__, "model": model_digest, **values}


def _painting_seed(seed: int, number: int) -> int:
    return int(torch.randint(2**31 - 1, (1,), generator=generator("painting", seed, number)))


def _png(pixels: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, format="PNG")
    return content.getvalue()
