"""Strokes drawn in a browser, by WebGL2, as `renderers.drawing` draws them: in their medium, lit, mixed as pigments.

The kernels of engines and media are translated from their Python source to GLSL, with all their constants, so the two
cannot drift apart. Nothing here but `stroke_rows` imports torch or numba.

    kernel_source.py  our modules as source: constants, functions, classes, without importing them
    translate.py      a kernel in GLSL; expressions.py, its expressions
    shaders.py        what the browser is given: functions of shaders, constants, scripts; media_shaders.py, of media
    stroke_rows.py    strokes as rows of 64 bytes, and back
    glsl.js           shaders put together; paint.js, the renderer: rows in, a picture out, at any zoom
    webgl.js          textures, targets and programs under it; tables.js, numbers that its shaders need
    media.js          media and sheets; pencil.js, lines of pencil
    player.js         a painting that plays; unpacking.js, what pages that are files need first
"""
