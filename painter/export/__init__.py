"""Files: frames and pixels in, bytes out. The room knows no Painting; importing it brings in nothing heavy.

    formats.py    the one table of file formats, what a path's ending means, the check of an output path
    places.py     whether a file can be put at a path; the writing of one, never in part
    artwork.py    `Artwork`, what a writer is given: a finished picture and frames of its making
    transfers.py  the formats and options of style transfer, which has pixels and no strokes
    ffmpeg.py     finds the program that makes MP4s

    write.py      the writers of all formats but those of strokes, and `write_artwork`; imports what is below
    recorded.py   pixels and recorded frames as an Artwork
    fitting.py    files no larger than `max_bytes`          timeline.py  which frame is shown when
    encoding.py   constants of the encoders                 plots.py     curves for people
    png.py (filters in png_filter.py), jpeg.py, webp.py, gif.py, mp4.py, frames.py (a folder), svg.py (shapes in
    svg_paths.py, lines for plotters in svg_plot.py): one file format each

A file format of your own is one call, from outside this package, too:

    def write_raw(path, artwork, config):
        with writing(path) as temporary:
            temporary.write_bytes(artwork.still(artwork.side).tobytes())
        return []

    register(Format(".raw", "the finished painting as bare bytes", "still", write_raw))

After it `Painting.save`, `check_output` and `-o NAME.raw` accept the ending.
"""

from painter.export.artwork import Artwork
from painter.export.formats import FOLDER, FORMATS, Format, check_output, format_of, register, without_effect
from painter.export.places import check_named, check_place, writing

__all__ = [
    "FOLDER", "FORMATS", "Artwork", "Format", "check_named", "check_output", "check_place", "format_of", "register",
    "without_effect", "writing",
]  # fmt: skip
