"""Programs for those who work on Impasto; run them from the root of the repository, as `python -m scripts.FOLDER.NAME`.

    benchmark/    how fast painting is, and how close paintings come to their pictures
    fuzz/         damaged and hostile files for every reader
    gallery/      the pictures of the documentation
    training/     the networks in checkpoints/: train them, measure them
    same_bytes.py digests of what is drawn, to be compared between machines
    make_docs.py  the pages of docs/ that are made from the code

Those that others import have the names of what they hold; `--help` of each of the others says what it does.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
"""Of the repository."""
