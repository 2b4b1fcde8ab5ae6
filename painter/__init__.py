"""Impasto turns a picture into a painting made of real, parameterised brush strokes."""
