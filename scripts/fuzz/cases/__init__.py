"""The files of the cases: good ones of every kind, and ways to damage them or to make them hostile.

A case is a number: the same seed and number give the same bytes.

    mutations.py      changes to any file, text or JSON document
    picture_files.py, stroke_files.py, configs.py, checkpoints.py, autosaves.py   files of each kind
    record_files.py   recipes, palettes, weights, journals and ledgers
    heavy.py          the largest files that are read to the end before they are refused
"""
