"""python paint.py [IMAGE] [options]: turn a picture into a painting. See painter/cli/."""

import sys


def main() -> None:
    """Run the command line; too old a Python gets one line and exit code 2, not a SyntaxError from some module."""
    if sys.version_info < (3, 10):  # noqa: UP036 - so nothing in this file may need a newer Python
        version = "{}.{}".format(*sys.version_info)
        sys.stderr.write(f"paint.py: error: this is Python {version}; run it with Python 3.10 or newer\n")
        sys.exit(2)
    try:
        from painter.cli import run_program
    except KeyboardInterrupt:  # before there is anything to clean up
        sys.stderr.write("paint.py: interrupted; nothing more was written\n")
        sys.exit(130)
    run_program()


if __name__ == "__main__":
    main()
