"""The growing painting as an MP4 that browsers and phones play: H.264, 4:2:0, its index before its pictures.

Written by ffmpeg. imageio's own writer ignores ffmpeg's exit status and does not say which colour space it wrote, so
ffmpeg is run here.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import numpy as np

from painter.errors import OutputError, one_line
from painter.export.encoding import EncodingConfig
from painter.export.ffmpeg import find_ffmpeg
from painter.export.places import writing
from painter.pictures.metrics import over_white

# Colours as in HD television (BT.709), and marked as such: players guess differently where the file does not say.
_TO_YUV = "scale=in_range=full:out_range=limited:out_color_matrix=bt709:flags=accurate_rnd+full_chroma_int"
_COLORS = "setparams=range=limited:colorspace=bt709:color_primaries=bt709:color_trc=bt709"


def write_mp4(
    path: Path,
    frames: Iterable[np.ndarray],
    seconds: Iterable[Fraction],
    rate: Fraction,
    *,
    background: tuple[int, int, int] = (255, 255, 255),
    crf: int = EncodingConfig.video_crf,
) -> None:
    """Write `frames` as an MP4 at `path`. The same input gives the same bytes with the same ffmpeg.

    Args:
        frames: uint8 [H, W, 3] or [H, W, 4], straight alpha, all of one size; transparent ones are laid over white.
            An odd side gets one more row or column. Read once and lazily.
        seconds: how long each is shown, as many as frames; they are repeated so that each change comes at the
            nearest multiple of 1 / rate.
        rate: pictures a second in the file.
        background: sRGB of the row or column that is added.
        crf: x264's constant rate factor, 0 (lossless) to 51.

    Raises:
        OutputError: there is no ffmpeg, or it fails (a full disk); `path` is then unchanged.
    """
    program = find_ffmpeg(path)
    pictures = (_padded(frame, background) for frame in frames)
    repeated = _repeated(zip(pictures, seconds, strict=True), rate)
    first = next(repeated)
    with writing(path) as temporary:
        command = [program, *_arguments(first.shape, rate, crf), str(temporary.absolute())]
        _encode(path, command, first, repeated)


def _arguments(shape: tuple[int, ...], rate: Fraction, crf: int) -> list[str]:
    height, width = shape[:2]
    return [
        *("-y", "-v", "error"),
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(rate), "-i", "-", "-an"),
        *("-vf", f"{_TO_YUV},{_COLORS}"),
        *("-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", str(crf), "-preset", "medium"),
        *("-threads", str(EncodingConfig.video_threads)),
        *("-movflags", "+faststart", "-map_metadata", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact"),
        *("-f", "mp4"),
    ]


def _encode(path: Path, command: list[str], first: np.ndarray, others: Iterator[np.ndarray]) -> None:
    """Run ffmpeg on the frames; it has ended when this does, whatever happens. Its error messages are OutputErrors."""
    with tempfile.TemporaryFile() as messages:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=messages,
                start_new_session=True,  # Ctrl-C must not end it: the file may still have to be finished
            )
        except OSError as error:
            raise OutputError(f"cannot write {path}: {command[0]} does not run: {error.strerror or error}") from error
        try:
            _feed(process, first, others)
            status = process.wait()
        finally:
            with suppress(OSError):  # nobody needs what is still in the buffer
                process.stdin.close()  # type: ignore[union-attr]
            if process.poll() is None:
                process.kill()
                process.wait()
        if status != 0:
            messages.seek(0)
            raise OutputError(f"cannot write {path}: {_reason(messages.read(), status)}")


def _feed(process: subprocess.Popen[bytes], first: np.ndarray, others: Iterator[np.ndarray]) -> None:
    """Send all frames; stop where ffmpeg takes no more: its exit status and messages then say why."""
    assert process.stdin is not None
    try:
        process.stdin.write(first.data)
        for frame in others:
            process.stdin.write(frame.data)
        process.stdin.close()
    except BrokenPipeError:
        pass


def _reason(messages: bytes, status: int) -> str:
    lines = [line.strip() for line in messages.decode(errors="replace").splitlines() if line.strip()]
    full = next((line for line in lines if "No space left" in line), None)
    if full:
        return "No space left on device"
    return f"ffmpeg says: {one_line(lines[-1])[:200]}" if lines else f"ffmpeg ended with status {status}"


def _repeated(timed: Iterable[tuple[np.ndarray, Fraction]], rate: Fraction) -> Iterator[np.ndarray]:
    """Yield each picture as often as it takes to be shown for its time, and once at least."""
    end, written = Fraction(0), 0
    for picture, time in timed:
        end += time
        due = max(written + 1, round(end * rate))
        for _ in range(due - written):
            yield picture
        written = due


def _padded(frame: np.ndarray, background: tuple[int, int, int]) -> np.ndarray:
    """uint8 [H, W, 3], contiguous, with even sides: 4:2:0 has one colour for 2 x 2 pixels."""
    opaque = over_white(frame) if frame.shape[2] == 4 else frame
    height, width = opaque.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return np.ascontiguousarray(opaque)
    padded = np.empty((height + height % 2, width + width % 2, 3), np.uint8)
    padded[:] = background
    padded[:height, :width] = opaque
    return padded
