"""Strokes drawn in a browser, by WebGL2, as `renderers.drawing` draws them without texture.

The brushes' engines are translated from their Python source to GLSL, with all their constants, so the two cannot drift
apart. Nothing here imports torch or numba.

    kernel_source.py  our modules as source: constants, functions, classes, without importing them
    translate.py      an engine's kernel in GLSL
    shaders.py        what the browser is given: a brush's shader functions, constants, the script `paint.js`
    stroke_rows.py    strokes as rows of 64 bytes, and back
    paint.js          the renderer: rows in, a picture out, at any zoom
"""
