"""How fast painting is, and how close paintings come to their pictures.

run.py             `python -m scripts.benchmark.run`, also `make bench`: everything below but the last three
options.py         its command line
parts.py           one iteration of the search by part, and the least time that it could take
paintings.py       one painting from start to files: seconds and memory
quality.py         four photos beside other programs' figures; quality_targets.py: what they must reach
kodak.py           a folder of pictures at their own size, beside published means
figures.py         the figures of a painting, means and differences; versions.py: another checkout to compare with
targets.py, plot.py  targets met or not; a picture of the figures

collection.py      `python -m scripts.benchmark.collection`: many paintings, with and without Ray
exports.py         `python -m scripts.benchmark.exports`: every file format
learn.py           `python -m scripts.benchmark.learn`: learning a collection; learn_figures.py has its figures
style_transfer.py  `python -m scripts.benchmark.style_transfer`: style transfer on pixels
"""
