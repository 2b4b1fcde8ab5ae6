"""The pictures of the documentation, each made by the module of its name.

sheet.py         docs/sheet-COUNT.jpg, and with --readme the pictures of the README
controls.py      docs/controls.jpg, docs/presets.jpg
media.py         docs/paint.jpg
mixing.py        docs/mixing.jpg
style_grid.py    docs/style-grid.jpg, docs/styled.jpg
transfer.py      docs/transfer.jpg, docs/losses.jpg
before_after.py  docs/before-after.jpg: another version of Impasto beside this one
samples.py       the sample logos in painter/pictures/samples/
photos.py        the photos that paintings are shown and measured on
"""
