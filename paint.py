"""python paint.py [IMAGE] [options]: turn a picture into a painting. See painter/cli.py."""

import sys

from painter.cli import main

if __name__ == "__main__":
    sys.exit(main())
