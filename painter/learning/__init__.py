"""Learning a collection: new pieces from old ones, and children of two collections.

A piece of 64 x 64 pixels becomes 8 x 8 tokens of 16 bits (tokenizer.py), and a transformer learns which tokens follow
which (transformer.py). New tokens, drawn one after the other, become a new piece.

    form.py, one_picture.py, pixel_art.py       what pieces look like, and how one is read
    traits.py, training_pictures.py             a folder of pictures, with its metadata, becomes one array
    mirroring.py                                mirrored pictures, where a collection allows them
    signal.py                                   pixels as the networks see them, and back
    tokenizer.py, transformer.py                the two networks; judge.py, upscaler.py: small ones; networks.py: all
    muon.py, schedule.py, seeds.py              steps, rates, how many pictures; random numbers
    trainer.py, *_trainer.py, mixing.py         what is drawn and computed in a step of each network
    stages.py, training.py, workers.py          the run: stages side by side on all cores, saved and resumed
    training_log.py, sheets.py, learning.py     what one sees of it, from beginning to end
    model_file.py                               what was learned, as one file
    gan_networks.py, gan_losses.py              the older engine, kept to compare with: generator and discriminators
    gan_trainer.py, gan_run.py, gan_drawing.py  their training, its run, and what pieces are drawn from
    token_sampling.py, drawing.py, regions.py   new tokens: of pieces, and of children
    collection_palette.py, mixtures.py, cleaning.py   the clean-up to the collection's colours
    lone_pixels.py                              pixel art without the speckles of an unsure decoder
    rarities.py, counting_traits.py             pieces whose traits come too often are passed over
    copies.py, pieces.py, enlarging.py          copies refused; pieces; larger pieces
    generating.py, listing.py                   a folder of pieces, with metadata and the list of them

learning_config.py has the sizes and rates of everything. This room stands above batch, which paints new pieces.
"""
