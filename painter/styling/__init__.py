"""Style: the texture and colours of one picture, carried over to another (Gatys, Ecker and Bethge, CVPR 2016).

    features.py    layers of VGG, trained or random, of a picture
    weights.py     where such a network's weights come from
    losses.py      what is compared: Gram matrices, content, total variation
    config.py      what may be asked for, and every default
    colors.py      colours of content and style, matched or kept
    objective.py   the loss of a picture's pixels
    optimizers.py  how the pixels move
    transfer.py    the pixels of a picture, optimised from coarse to fine
    film.py        pictures on the way
    records.py     losses as a table and a plot
    export.py      results and films into files
    identity.py    what a transfer is of, for `--resume`
    strokes.py     the strokes of a painting, optimised: stroke_objective.py is the loss, stroke_variables.py moves
                   them, color_target.py compares how colours are distributed

`docs/style.md` tells what is there for other programs to use.
"""
