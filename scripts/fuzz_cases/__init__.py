"""What `scripts/fuzz.py` feeds to the program: good files of every kind, and ways to make them lie.

A case is a number: the same seed and number give the same bytes.
"""
