"""Media: what paint and sheet look like from near, when strokes are drawn with texture.

    medium.py     what a medium is, the texture that is asked for, and the rows that are drawn
    media.py      the four brushes' media and that of stamps; plain.py, paint as the engines alone lay it
    wash.py       watercolour; oil.py, ink.py and tape.py likewise: coverage, colour, and load or height of one stroke
    layers.py     strokes laid on a canvas and on its second plane
    density.py    pigment load and the sheet's relief as optical density; light.py, thick paint in a light
    grounds.py    the relief of papers and linen; sheet.py, rasters that all strokes share; margins.py, ragged edges
    pencil.py     pencil lines over the paint
    noise.py      noise whose lattice cells are kept
    calm.py       where a painting is calm

Everything depends on places in canvas units alone, so bands and sizes agree. `docs/paint.md` tells what was measured.
"""
