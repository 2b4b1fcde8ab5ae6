"""python paint.py [IMAGE] [options]: turn a picture into a painting. See painter/cli/."""

from painter.cli import run_program

if __name__ == "__main__":
    run_program()
