"""What the studio keeps on the disk: pictures, paintings, and jobs that are not finished.

    pictures/ID/        original, preview.webp, about.json
    paintings/ID/       painting.strokes.json.gz, rows.bin, still.webp, thumbnail.webp; about.json last: it is complete
    jobs/ID.json        what is to be painted, until it is; its autosave is in paintings/ID/
    .temporary/         uploads, and files that are made to be sent

Everything is found by a random number of 128 bits; names that clients give are text in about.json and nothing else.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from painter.errors import PictureError
from painter.pictures.picture import FORMATS, load_picture, quiet_pillow
from painter.pictures.pixels import in_steps
from painter.system.atomic import remove_abandoned, replacing

STROKES = "painting.strokes.json.gz"
PREVIEW_SIDE = 1024  # pixels
_ID = re.compile(r"[0-9a-f]{32}")
_LONGEST_NAME = 120


def new_id() -> str:
    """A random number of 128 bits."""
    return secrets.token_hex(16)


def is_id(text: object) -> bool:
    """Whether this is what `new_id` returns."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


class Library:
    """The studio's folder.

    Args:
        folder: made if it is missing.
        megapixels: of the largest picture that is taken.

    Raises:
        OSError: the folder cannot be made.
    """

    def __init__(self, folder: Path, megapixels: int) -> None:
        self.folder, self.megapixels = folder, megapixels
        for part in ("pictures", "paintings", "jobs"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        self._temporary = folder / ".temporary"
        self._temporary.mkdir(exist_ok=True)
        self._remove_abandoned()

    def _remove_abandoned(self) -> None:
        """Remove what a studio left that was killed while it took a picture or made a file, a day ago or more."""
        incomplete = [path for path in (self.folder / "pictures").iterdir() if not (path / "about.json").exists()]
        remove_abandoned((*self._temporary.iterdir(), *incomplete))

    def temporary(self, content: bytes = b"", ending: str = "") -> Path:
        """A new file for what is taken or made, to be moved or removed by the caller."""
        handle, name = tempfile.mkstemp(suffix=ending, dir=self._temporary)
        with open(handle, "wb") as file:
            file.write(content)
        return Path(name)

    # --- pictures -----------------------------------------------------------------------------------------------

    def add_picture(self, upload: Path, name: str) -> dict[str, Any]:
        """Keep a picture that has been uploaded to a temporary file, which is moved.

        Returns:
            Its 'id', 'name', 'width' and 'height'.

        Raises:
            PictureError: it is not a picture that can be read, or it is too large; the message begins with its name.
        """
        name = name[:_LONGEST_NAME]
        try:
            self._check_pixels(upload)
            picture = load_picture(upload, PREVIEW_SIDE)
        except PictureError as error:
            raise PictureError(str(error).replace(str(upload), name)) from None
        picture_id = new_id()
        place = self.folder / "pictures" / picture_id
        place.mkdir()
        height, width = picture.size
        about = {"id": picture_id, "name": name, "width": width, "height": height}
        alpha = [] if picture.alpha is None else [picture.alpha[..., None]]
        pixels = np.rint(in_steps(np.concatenate([picture.rgb, *alpha], axis=2)) * 255).astype(np.uint8)
        Image.fromarray(pixels).save(place / "preview.webp", quality=88)
        shutil.move(upload, place / "original")
        write_json(place / "about.json", about)
        return about

    def _check_pixels(self, upload: Path) -> None:
        unreadable = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)  # which `load_picture` explains
        with suppress(*unreadable), quiet_pillow(), Image.open(upload, formats=FORMATS) as image:
            width, height = image.size
            if width * height > self.megapixels * 1_000_000:
                wrong = f"it has {width} x {height} pixels, more than {self.megapixels} megapixels"
                raise PictureError(f"cannot take {upload}: {wrong}; make it smaller first")

    def picture(self, picture_id: Any) -> dict[str, Any] | None:
        """What is known of a picture; None if there is none of this id."""
        return self._about("pictures", picture_id)

    def original(self, picture_id: str) -> Path:
        """The file of a picture."""
        return self.folder / "pictures" / picture_id / "original"

    def preview(self, picture_id: str) -> Path:
        """A WebP of a picture, upright, its longer side PREVIEW_SIDE pixels."""
        return self.folder / "pictures" / picture_id / "preview.webp"

    # --- paintings ----------------------------------------------------------------------------------------------

    def paintings(self) -> list[dict[str, Any]]:
        """All complete paintings, latest first."""
        found = (self.painting(path.name) for path in (self.folder / "paintings").iterdir())
        return sorted((about for about in found if about), key=lambda about: -about["created"])

    def painting(self, painting_id: Any) -> dict[str, Any] | None:
        """What is known of a painting; None if there is none of this id, or it is not complete."""
        return self._about("paintings", painting_id)

    def painting_folder(self, painting_id: str) -> Path:
        """Where a painting is, or will be."""
        return self.folder / "paintings" / painting_id

    def delete_painting(self, painting_id: str) -> None:
        """Delete a painting, complete or not."""
        shutil.rmtree(self.painting_folder(painting_id), ignore_errors=True)

    # --- jobs ---------------------------------------------------------------------------------------------------

    def keep_job(self, job_id: str, request: dict[str, Any]) -> None:
        """Remember what is to be painted until `forget_job`."""
        write_json(self.folder / "jobs" / f"{job_id}.json", request)

    def forget_job(self, job_id: str) -> None:
        """It is painted, or will not be."""
        (self.folder / "jobs" / f"{job_id}.json").unlink(missing_ok=True)

    def unfinished_jobs(self) -> dict[str, dict[str, Any]]:
        """What was to be painted when the server ended, in the order in which it was asked for."""
        files = [path for path in (self.folder / "jobs").glob("*.json") if is_id(path.stem)]
        return {path.stem: found for path in sorted(files, key=_modified) if (found := read_json(path)) is not None}

    def clean(self, older: float = 86_400) -> None:
        """Delete pictures that nothing refers to, if they are older than this many seconds."""
        used = {json.dumps(about) for about in (*self.paintings(), *self.unfinished_jobs().values())}
        for place in (self.folder / "pictures").iterdir():
            if time.time() - _modified(place) > older and not any(place.name in text for text in used):
                shutil.rmtree(place, ignore_errors=True)

    def _about(self, part: str, thing_id: Any) -> dict[str, Any] | None:
        return read_json(self.folder / part / thing_id / "about.json") if is_id(thing_id) else None


def _modified(path: Path) -> float:
    return path.stat().st_mtime


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write an object, so that a reader sees all of it or what was there before."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value), encoding="utf-8")


def read_json(path: Path) -> dict[str, Any] | None:
    """An object in a file; None if there is none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
