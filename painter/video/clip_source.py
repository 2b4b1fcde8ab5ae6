"""Clips: the frames of a video file, of an animated picture, or of a folder of pictures, one at a time."""

from __future__ import annotations

import hashlib
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from io import BytesIO
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence

from painter.errors import ImpastoError, OutputError, PictureError, one_line
from painter.export.ffmpeg import find_ffmpeg
from painter.pictures.picture import load_picture, quiet_pillow
from painter.pictures.pixels import in_steps
from painter.pictures.resizing import fit_size, resize_image
from renderers.special_files import is_special_file

FOLDER_RATE = Fraction(24)  # of a folder of pictures
MAX_PIXELS = 2**26  # of a frame that is read
LEAST_SIDE = 16  # pixels, of a frame's longer side
PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm")
ANIMATION_ENDINGS = (".gif", ".webp", ".png", ".apng")
ANIMATION_FORMATS = ("GIF", "WEBP", "PNG")  # Pillow's names; others are refused: some start external programs
TIMED = 200  # frames of an animation, from whose times its rate is taken
_STREAM = re.compile(r"Stream #\S+.*: (Video|Audio): (.*)")
_RATE = re.compile(r"([\d.]+k?) (?:fps|tbr)")
_DURATION = re.compile(r"Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?)")
SOONER = Fraction(1, 1000)  # seconds: times of frames are rounded, and the wanted one must not be missed
SQUARE = "scale=iw*sar:ih,setsar=1"  # ffmpeg's filter that makes pixels square
_SAMPLED = 2**22  # bytes at both ends of a file that tell it from others


@dataclass(frozen=True, eq=False)
class ClipSource:
    """A clip that can be read from its beginning as often as wanted.

    Attributes:
        path: of the file or folder.
        size: height and width of its frames as they are read, pixels.
        rate: frames a second.
        count: about so many frames are yielded; None if unknown.
        sound: whether it has any.
    """

    path: Path
    size: tuple[int, int]
    rate: Fraction
    count: int | None
    sound: bool
    _kind: str
    _files: tuple[Path, ...] = ()  # of a folder

    def frames(self, first: int = 0, seek: bool = False) -> Iterator[np.ndarray]:
        """All frames from the `first` on, uint8 [H, W, 3].

        Args:
            seek: go to the first by its time, where that is quicker; in files whose frames do not come at even times
                that may be another frame.

        Raises:
            PictureError: a frame cannot be read, or has another size than those before it; one line.
        """
        if self._kind == "folder":
            return _folder_frames(self, first)
        if self._kind == "video" and seek and first:
            return _video_frames(self, first / self.rate)
        return islice((_animation_frames if self._kind == "animation" else _video_frames)(self), first, None)

    def pictures(self, first: int, count: int) -> tuple[Path, ...]:
        """The files that `count` frames from the `first` on are in."""
        return self._files[first : first + count] or (self.path,)

    def relocated(self, local_paths: Mapping[Path, Path]) -> ClipSource:
        """The same clip, whose files may be elsewhere on this machine."""
        path, *files = (local_paths.get(file, file) for file in (self.path, *self._files))
        return replace(self, path=path, _files=tuple(files))

    def fingerprint(self) -> str:
        """What tells it from other clips, a sha256. Raises PictureError, one line: a file cannot be read."""
        digest = hashlib.sha256(str(self.size).encode())
        for file in self._files or [self.path]:
            with _trouble_explained(file), open(file, "rb") as content:
                length = file.stat().st_size
                digest.update(f"{file.name} {length}".encode(errors="surrogateescape"))
                digest.update(content.read(_SAMPLED))
                content.seek(max(0, length - _SAMPLED))
                digest.update(content.read(_SAMPLED))
        return digest.hexdigest()


def open_clip(path: Path, side: int, rate: float | None = None) -> ClipSource:
    """Look at a clip.

    Args:
        path: a file that ffmpeg reads, an animated GIF, WebP or PNG, or a folder of pictures, taken in the order of
            their names, numbers in them by value.
        side: the longest side that its frames are read at, pixels.
        rate: frames a second that are read; if not given, the clip's own, and 24 of a folder.

    Raises:
        PictureError: there is no such clip, or no frame in it; one line with the name and what to do.
    """
    with _trouble_explained(path):
        there, is_folder, is_special = path.exists(), path.is_dir(), is_special_file(path)
    if not there:
        raise PictureError(f"cannot read {one_line(path)}: there is no such file or folder; check the name")
    wanted = None if rate is None else Fraction(rate).limit_denominator(1001)
    if is_folder:
        files = _pictures_of(path)
        if not files:
            raise PictureError(f"cannot read {one_line(path)}: there is no picture in this folder; name another")
        size = _fitted(load_picture(files[0], 16).size, side, path)
        return ClipSource(path, size, wanted or FOLDER_RATE, len(files), False, "folder", tuple(files))
    if is_special:
        raise PictureError(f"cannot read {one_line(path)}: it is not a regular file; save the clip to a file first")
    if path.suffix.lower() in ANIMATION_ENDINGS:
        return _open_animation(path, side, wanted)
    return _open_video(path, side, wanted)


@contextmanager
def _trouble_explained(path: Path) -> Iterator[None]:
    """Turn what the machine refuses into a PictureError."""
    try:
        yield
    except OSError as error:
        why = error.strerror or error
        raise PictureError(f"cannot read {one_line(path)}: {why}; check its name, and that you may read it") from error


def _fitted(size: tuple[int, int], side: int, path: Path) -> tuple[int, int]:
    if size[0] * size[1] > MAX_PIXELS:
        raise PictureError(
            f"cannot read {one_line(path)}: its frames have more than {MAX_PIXELS:,} pixels; make them smaller"
        )
    if max(size) < LEAST_SIDE:
        raise PictureError(
            f"cannot read {one_line(path)}: its frames are smaller than {LEAST_SIDE} pixels; name another clip"
        )
    return size if max(size) <= side else fit_size(*size, side)


# --- folders -----------------------------------------------------------------------------------------------------


def _pictures_of(folder: Path) -> list[Path]:
    """The files of pictures, in the order of their names. Raises PictureError: the folder cannot be read."""

    def by_number(path: Path) -> list[tuple[int, int, str]]:
        parts = re.findall(r"\d+|\D+", path.name.lower())
        return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts]

    with _trouble_explained(folder):
        shown = (p for p in folder.iterdir() if p.suffix.lower() in PICTURE_ENDINGS and not p.name.startswith("."))
        return sorted((p for p in shown if p.is_file()), key=lambda p: (by_number(p), p.name))


def _folder_frames(source: ClipSource, first: int) -> Iterator[np.ndarray]:
    size = None
    for file in source._files[first:]:
        picture = load_picture(file, max(source.size))
        size = size or picture.size
        _check_size(file, picture.size, size)
        yield _opaque(picture.rgb, picture.alpha, source.size)


def _check_size(path: Path, size: tuple[int, int], first: tuple[int, int]) -> None:
    if size != first:
        shown = f"{size[1]}x{size[0]} pixels, and those before it {first[1]}x{first[0]}"
        raise PictureError(f"cannot read {one_line(path)}: this frame has {shown}; make all of one size")


def _opaque(rgb: np.ndarray, alpha: np.ndarray | None, size: tuple[int, int]) -> np.ndarray:
    """uint8 [H, W, 3] of a picture [h, w, 3] float32, over white where it is transparent."""
    over = rgb if alpha is None else rgb * alpha[..., None] + (1 - alpha[..., None])
    if over.shape[:2] != size:
        over = resize_image(over.astype(np.float32), *size)
    frame: np.ndarray = np.rint(in_steps(over.clip(0, 1)) * 255).astype(np.uint8)
    return frame


# --- animations --------------------------------------------------------------------------------------------------


def _open_animation(path: Path, side: int, rate: Fraction | None) -> ClipSource:
    try:
        with quiet_pillow(), Image.open(path, formats=ANIMATION_FORMATS) as image:
            frames = getattr(image, "n_frames", 1)
            size = _fitted((image.height, image.width), side, path)
            times = [_seconds(image)]
            with suppress(Exception):  # damage further on is told when the frames are read
                times += (_seconds(frame) for frame in islice(ImageSequence.Iterator(image), 1, TIMED))
    except (ImpastoError, MemoryError):
        raise
    except Exception as error:  # damaged files raise errors of every type
        raise PictureError(
            f"cannot read {one_line(path)}: it is not a picture that can be read; name a clip"
        ) from error
    rate, total = rate or 1 / min(times), None
    if len(times) == frames:
        total = sum(times)
    elif min(times) == max(times):
        total = frames * times[0]
    return ClipSource(path, size, rate, None if total is None else max(1, round(total * rate)), False, "animation")


def _seconds(frame: Image.Image) -> Fraction:
    """For how long a frame is shown."""
    if frame.format == "WEBP":
        frame.load()  # the time is known only then
    return Fraction(max(10, int(frame.info.get("duration") or 100)), 1000)


def _animation_frames(source: ClipSource) -> Iterator[np.ndarray]:
    """Each frame as often as it takes to be shown for its time."""
    due, written = Fraction(0), 0
    try:
        with quiet_pillow():  # not around the frames: it holds a lock, and they are yielded
            opened = Image.open(source.path, formats=ANIMATION_FORMATS)
        with opened as image:
            for frame in ImageSequence.Iterator(image):
                due += _seconds(frame) * source.rate
                pixels = np.asarray(frame.convert("RGBA"), np.float32) / 255
                opaque = _opaque(pixels[..., :3], pixels[..., 3], source.size)
                while written < max(1, round(due)):
                    yield opaque
                    written += 1
    except (ImpastoError, MemoryError):
        raise
    except Exception as error:  # damaged files raise errors of every type
        raise PictureError(f"cannot read {one_line(source.path)}: it breaks off after {written} frames") from error


# --- videos ------------------------------------------------------------------------------------------------------


def _open_video(path: Path, side: int, rate: Fraction | None) -> ClipSource:
    """By what ffmpeg says of it, and by its first frame: only that tells size and turn."""
    said = _ffmpeg(path, ["-i", _named(path)]).stderr.decode(errors="replace")
    streams = [match.groups() for match in map(_STREAM.search, said.splitlines()) if match]
    video = next((about for kind, about in streams if kind == "Video" and "attached pic" not in about), None)
    if video is None:
        raise PictureError(f"cannot read {one_line(path)}: there is no video in this file; name a clip")
    first = _ffmpeg(
        path,
        ["-v", "error", *_input(path), "-vf", SQUARE, "-frames:v", "1", "-f", "image2pipe", "-c:v", "png", "-"],
    ).stdout
    try:
        with quiet_pillow(), Image.open(BytesIO(first), formats=("PNG",)) as image:
            size = _fitted((image.height, image.width), side, path)
    except (ImpastoError, MemoryError):
        raise
    except Exception as error:
        raise PictureError(
            f"cannot read {one_line(path)}: there is no frame in it that can be read; name a clip"
        ) from error
    found = _RATE.search(video)
    rate = rate or _nice_rate(found[1] if found else "25")
    time = _DURATION.search(said)
    count = None
    if time:
        seconds = int(time[1]) * 3600 + int(time[2]) * 60 + float(time[3])
        count = max(1, round(seconds * rate))
    return ClipSource(path, size, rate, count, any(kind == "Audio" for kind, _ in streams), "video")


def _video_frames(source: ClipSource, after: Fraction = Fraction(0)) -> Iterator[np.ndarray]:
    """The frames from a time on, seconds."""
    height, width = source.size
    scale = f"{SQUARE},scale={width}:{height}:flags=area+accurate_rnd,setsar=1"
    command = [
        _program(source.path), "-nostdin", "-v", "error", "-protocol_whitelist", "file,pipe",
        *(["-ss", f"{float(after - SOONER):.6f}"] if after else []), *_input(source.path), "-vf", scale,
        "-r", str(source.rate), "-f", "rawvideo", "-pix_fmt", "rgb24", "-",
    ]  # fmt: skip
    size, read = height * width * 3, 0
    with tempfile.TemporaryFile() as messages:
        with _trouble_explained(source.path):
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=messages, start_new_session=True
            )
        assert process.stdout is not None
        try:
            while len(content := process.stdout.read(size)) == size:
                yield np.frombuffer(content, np.uint8).reshape(height, width, 3).copy()
                read += 1
            process.wait()
            messages.seek(0)
            broken = len(content) > 0 or process.returncode != 0
            _check_end(source, read + round(after * source.rate), messages.read().decode(errors="replace"), broken)
        finally:
            with suppress(OSError):
                process.stdout.close()
            if process.poll() is None:
                process.kill()
                process.wait()


def _check_end(source: ClipSource, read: int, said: str, broken: bool) -> None:
    """Raise PictureError if a clip ended before its end."""
    missing = source.count is not None and read < source.count - max(2.0, float(source.rate) / 2)
    if broken or (said.strip() and missing):
        of = f" of about {source.count}" if source.count else ""
        why = one_line(said.strip().splitlines()[0])[:160] if said.strip() else "its last frame is not complete"
        raise PictureError(f"cannot read all of {one_line(source.path)}: it breaks off after {read}{of} frames ({why})")


def _ffmpeg(path: Path, arguments: list[str]) -> subprocess.CompletedProcess[bytes]:
    command = [_program(path), "-nostdin", "-hide_banner", "-protocol_whitelist", "file,pipe", *arguments]
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PictureError(f"cannot read {one_line(path)}: ffmpeg does not answer; name another clip") from error


def _program(path: Path) -> str:
    """Where ffmpeg is. Raises PictureError if there is none."""
    try:
        return find_ffmpeg(path)
    except OutputError as error:
        raise PictureError(
            f"cannot read {one_line(path)}: there is no ffmpeg; run pip install imageio-ffmpeg"
        ) from error


def _input(path: Path) -> list[str]:
    return ["-i", _named(path), "-map", "0:v:0"]


def _named(path: Path) -> str:
    """A name that ffmpeg takes for a file, whatever is in it."""
    return f"file:{path.absolute()}"


def _nice_rate(text: str) -> Fraction:
    """A rate as ffmpeg prints it: 29.97 is 30000/1001."""
    value = float(text.removesuffix("k")) * (1000 if text.endswith("k") else 1)
    for whole in (24, 30, 48, 60, 120):
        if abs(value - whole * 1000 / 1001) < 0.006:
            return Fraction(whole * 1000, 1001)
    return min(max(Fraction(value).limit_denominator(1000), Fraction(1, 10)), Fraction(240))
