"""The command line: options in, files out, errors as one line. The only part that prints and exits.

Whatever can be refused is refused early: options and output paths before anything heavy is imported, then the
picture, then the device and the networks.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import Field, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from painter.config import PaintConfig
from painter.errors import ImpastoError, OptionError, OutputError
from painter.export import FORMATS, check_output, check_place, writing
from painter.samples import sample_path
from painter.usage import Stopwatch, keep_freed_memory, peak_rss_mb
from painter.version import __version__

if TYPE_CHECKING:
    from painter.pipeline import Result
    from painter.search import Progress

DEFAULT_FOLDER = Path("output")
BAD_INPUT, INTERRUPTED = 2, 130  # exit codes
_SECONDS_BETWEEN_LINES = 5.0  # of progress, where nobody watches it move


@dataclass(frozen=True)
class Request:
    """What one command line asks for."""

    image: Path
    outputs: tuple[Path, ...]
    own_folder: bool  # no output was named, so that DEFAULT_FOLDER is ours to make
    report: Path | None
    quiet: bool
    config: PaintConfig


def main(argv: list[str] | None = None) -> int:
    """Run one command line; the exit code is 0, BAD_INPUT or INTERRUPTED."""
    watch = Stopwatch()
    # Threads that wait by spinning, OpenMP's habit, starve each other where other programs want the cores too:
    # on two busy cores a search of 3 s took 55. This is read when torch and numba are imported, so it is said here.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    parser = make_parser()
    try:
        request = read_request(parser, argv)
        with _default_folder(request):
            check_paths(request)
            return run(request, watch)
    except KeyboardInterrupt:
        return _end(parser.prog, "interrupted; nothing more was written", INTERRUPTED)
    except ImpastoError as error:
        return _end(parser.prog, f"error: {error}", BAD_INPUT)
    except Exception as error:
        if not _is_memory_shortage(error):
            raise
        return _end(parser.prog, "error: there is not enough memory; ask for a smaller --size", BAD_INPUT)


# --- what is asked for --------------------------------------------------------------------------------------


class OneLineParser(argparse.ArgumentParser):
    """A parser that raises its complaint instead of printing the usage before it."""

    def error(self, message: str) -> NoReturn:
        raise OptionError(f"{message}; see --help")


def make_parser() -> argparse.ArgumentParser:
    """All options; those of the painting come from PaintConfig, with help and defaults."""
    parser = OneLineParser(
        description="Turn a picture into a painting made of real, parameterised brush strokes.", allow_abbrev=False
    )
    endings = " or ".join(FORMATS)
    parser.add_argument("image", nargs="?", metavar="IMAGE", help="the picture; a bundled sample if not given")
    parser.add_argument(
        *("-o", "--output"),
        action="append",
        default=[],
        metavar="FILE",
        help=f"where to, ending in {endings}; may be repeated (default: output/NAME-STYLE.png and .gif)",
    )
    for spec in fields(PaintConfig):
        parser.add_argument(
            f"--{spec.name}",
            type=_TYPES[str(spec.type)],
            default=spec.default,
            metavar=spec.metadata["metavar"],
            help=_help(spec),
        )
    parser.add_argument("--report", metavar="FILE.json", help="write figures and settings to this file")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    parser.add_argument("--version", action="version", version=f"impasto {__version__}")
    return parser


def _help(spec: Field[Any]) -> str:
    """An option's help: what it is, its bounds and its default."""
    text = spec.metadata["help"] % {"names": ", ".join(spec.metadata.get("names", ()))}
    if "bounds" in spec.metadata:
        text += ", from {} to {}".format(*spec.metadata["bounds"])
    return f"{text} (default: {spec.default})".replace("%", "%%")


def _whole(text: str) -> int | str:
    """The number that `text` is, or `text` itself, which PaintConfig then refuses in its own words."""
    try:
        return int(text)
    except ValueError:
        return text


def _real(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


# By the annotations of PaintConfig.
_TYPES: dict[str, Callable[[str], Any]] = {"int": _whole, "float": _real, "str": str}


def read_request(parser: argparse.ArgumentParser, argv: list[str] | None) -> Request:
    """Parse a command line.

    Raises:
        OptionError: for an unknown option or a value outside its range.
    """
    options = parser.parse_args(argv)
    config = PaintConfig(**{spec.name: getattr(options, spec.name) for spec in fields(PaintConfig)})
    image = sample_path() if options.image is None else Path(options.image)
    outputs = [Path(name) for name in options.output]
    if not outputs:
        outputs = [DEFAULT_FOLDER / f"{image.stem}-{config.style}{ending}" for ending in (".png", ".gif")]
    report = None if options.report is None else Path(options.report)
    return Request(image, tuple(outputs), not options.output, report, options.quiet, config)


@contextmanager
def _default_folder(request: Request) -> Iterator[None]:
    """Make the default folder if it is needed and missing; take it away again if nothing comes into it."""
    if not request.own_folder or DEFAULT_FOLDER.exists():
        yield
        return
    try:
        DEFAULT_FOLDER.mkdir()
    except OSError as error:
        raise OutputError(f"cannot make the folder {DEFAULT_FOLDER}: {error.strerror}; name a file with -o") from error
    try:
        yield
    finally:
        with suppress(OSError):  # it is not empty: all is well
            DEFAULT_FOLDER.rmdir()


def check_paths(request: Request) -> None:
    """Raise OutputError unless all files can be written, none of them over another one or over the picture."""
    for path in request.outputs:
        check_output(path)
    if request.report is not None:
        check_place(request.report)
    taken = [request.image]
    for path in [*request.outputs, *([request.report] if request.report else [])]:
        for other in taken:
            if _same_file(path, other):
                what = "it is the picture itself" if other is request.image else "two outputs have this name"
                raise OutputError(f"cannot write {path}: {what}; choose another name")
        taken.append(path)


def _same_file(a: Path, b: Path) -> bool:
    with suppress(OSError, ValueError):  # one of them does not exist
        return os.path.samefile(a, b)
    return os.path.realpath(a) == os.path.realpath(b)


def run_program() -> NoReturn:
    """`main`, and then the end of the process at once: to take torch and LLVM down piece by piece takes a second."""
    code = main()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


# --- the work -----------------------------------------------------------------------------------------------


def run(request: Request, watch: Stopwatch) -> int:
    """Paint and write; the exit code."""
    with watch.phase("start"):
        from painter import pipeline

        keep_freed_memory()

    subject = pipeline.prepare(request.image, request.config, watch)
    if not request.quiet and not _kernels_are_compiled():
        _say(sys.stderr, "compiling kernels, once; this takes about 20 seconds")
    with closing(ProgressBar()) as bar:
        painting, stopped = pipeline.find_strokes(subject, watch, None if request.quiet else bar.show)
        bar.finish()
    with _finishing(stopped) as late:
        result = pipeline.finish(subject, painting, stopped, watch)
        write(request, result, watch)
    if not request.quiet:
        _summarise(request, result)
    return INTERRUPTED if stopped or late else 0


def write(request: Request, result: Result, watch: Stopwatch) -> None:
    """Write all outputs and then the report."""
    with watch.phase("write"):
        result.save(*request.outputs)
    if request.report is not None:
        outputs = [str(path) for path in request.outputs]
        final = {**result.report, "outputs": outputs, "seconds": watch.seconds(), "peak_rss_mb": peak_rss_mb()}
        with writing(request.report) as temporary:
            temporary.write_text(json.dumps(final, indent=2, allow_nan=False) + "\n")


@contextmanager
def _finishing(stopped: bool) -> Iterator[list[int]]:
    """While a painting is drawn and written: the first Ctrl-C waits (it is in the list), the second does not.

    Args:
        stopped: whether Ctrl-C ended the search; then this was the first one.
    """
    noted: list[int] = []
    in_charge = threading.current_thread() is threading.main_thread()
    if stopped or not in_charge or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield noted
        return

    def note(number: int, _: Any) -> None:
        if noted:
            raise KeyboardInterrupt
        noted.append(number)

    signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


# --- what is said -------------------------------------------------------------------------------------------


class ProgressBar:
    """The search's progress on standard error. That nobody reads it (any more) is no reason to stop painting."""

    def __init__(self) -> None:
        self._bar: Any = None  # made at the first step, so that it does not count the time before

    def show(self, progress: Progress) -> None:
        """One more step has been taken."""
        with suppress(OSError):
            if self._bar is None:
                self._bar = self._make(progress)
            self._bar.set_description_str(progress.stage, refresh=False)
            state = f"{len(progress.strokes)} strokes, loss {progress.loss:.4f}, {progress.psnr:.2f} dB"
            self._bar.set_postfix_str(state, refresh=False)
            self._bar.update(progress.step - self._bar.n)

    @staticmethod
    def _make(progress: Progress) -> Any:
        from tqdm import tqdm

        watched = sys.stderr is not None and sys.stderr.isatty()
        return tqdm(
            total=progress.steps,
            initial=progress.step - 1,
            mininterval=0.1 if watched else _SECONDS_BETWEEN_LINES,
            dynamic_ncols=watched,
            disable=sys.stderr is None,
        )

    def finish(self) -> None:
        """The search is over, perhaps in fewer steps than were planned."""
        if self._bar is not None:
            self._bar.total = self._bar.n
        self.close()

    def close(self) -> None:
        if self._bar is not None:
            with suppress(OSError):
                self._bar.close()


def _kernels_are_compiled() -> bool:
    """Whether numba has left compiled code beside the sources; true, too, where it cannot and keeps it elsewhere."""
    import renderers

    folder = Path(str(renderers.__file__)).parent
    return next(folder.glob("**/*.nbi"), None) is not None or not os.access(folder, os.W_OK)


def _summarise(request: Request, result: Result) -> None:
    report = result.report
    verb = "interrupted; wrote" if result.interrupted else "wrote"
    written = [*request.outputs, *([request.report] if request.report else [])]
    _say(sys.stdout, f"{verb} {', '.join(map(str, written))}")
    ssim = "" if report["ssim"] is None else f", SSIM {report['ssim']:.3f}"
    _say(sys.stdout, f"{report['strokes']} strokes, PSNR {report['psnr']:.2f} dB{ssim}")


def _end(program: str, message: str, code: int) -> int:
    _say(sys.stderr, f"{program}: {message}")
    return code


def _say(stream: TextIO | None, message: str) -> None:
    """Print one line, whatever is in the names that it mentions; a reader that has gone away is no error."""
    if stream is None:
        return
    line = "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in message)
    encoding = stream.encoding or "ascii"
    try:
        print(line.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)
    except OSError:
        # What is left in the buffer would be complained of once more at exit.
        with suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())


def _is_memory_shortage(error: Exception) -> bool:
    """Whether this is numpy's, torch's or OpenCV's way of saying so."""
    told = str(error).lower()
    return isinstance(error, MemoryError) or "allocate memory" in told or "out of memory" in told or "outofmem" in told


if __name__ == "__main__":
    sys.exit(main())
