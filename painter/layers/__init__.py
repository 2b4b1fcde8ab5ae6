"""Collections whose pictures are stacked parts: their layers, read, found again, and crossed.

    layered.py         a layered collection: traits with their values, files and weights, in order
    hashlips.py        reads one from a folder as the HashLips engine has it, with javascript.py for its config.js
    recipe_text.py     writes it as a recipe, which `collection run` paints or stacks; layer_files.py with its layers
    tokens_read.py     reads pictures with their traits, at full size
    sprites.py         finds the layer of each trait value, and ordering.py which layer lies above which
    discovery.py       finds the traits themselves where there is no metadata
    unmixing.py        all of that, from pictures to layers, with what it reaches on pictures held out
    crossing.py        parts of one collection on the rest of another, aligned, in one palette

This room stands above learning, whose reading of metadata it uses, and below the command line.
"""
