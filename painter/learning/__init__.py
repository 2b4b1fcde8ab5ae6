"""Learning a collection: new pieces from old ones, and children of two collections.

A piece of 64 x 64 pixels becomes 8 x 8 tokens of 16 bits (tokenizer.py), and a transformer learns which tokens follow
which (transformer.py). New tokens, drawn one after the other, become a new piece.

    reading.py, pixel_art.py, traits.py   a folder of pictures becomes one array
    signal.py                             pixels as the networks see them, and back
    tokenizer.py, transformer.py          the two networks
    muon.py, optimizers.py, schedule.py   how they are trained: steps, rates, how many pictures
    training.py and *_trainer.py          the run: stages side by side, saved and resumed
    records.py, sheets.py                 what one sees of it: losses, samples
    model_file.py                         what is learned, as one file
    sampling.py, generating.py            new pieces; blending.py: children
    palette.py, cleaning.py, copies.py    clean-up to the collection's colours; copies refused

config.py has the sizes and rates of everything. This room stands above batch, which paints new pieces.
"""
