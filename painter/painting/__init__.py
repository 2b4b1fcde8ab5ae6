"""The painting, the artefact of all the work: strokes on a ground, drawn, replayed, read and written.

    painting.py        `Painting`, the value: it can be drawn at any size, finished or as it grows
    replay.py          a painting with other settings: size, ground, part of the strokes, light
    animation.py       the frames of an animation, forwards or in reverse
    morph.py           strokes that move from one painting to another; pairing.py says which goes where

    load.py            `load_painting`: a painting from a file
    save.py            `save_painting`: a painting into a file; the writers of the formats that need strokes
    stroke_file.py     the stroke file, as docs/stroke-format.md has it; its columns in stroke_columns.py
    file_bytes.py      reads and unpacks a file; light, so that a missing one is refused early
    bounded_json.py    JSON from untrusted files, with bounds on memory and time
    original.py        the strokes that the original program saved

Reading and writing stand above the value: rooms call `load_painting` and `save_painting`; `Painting.load` and
`Painting.save` are for users.
"""
