"""Damaged and hostile files for every reader of the program.

run.py     `python -m scripts.fuzz.run`, also `make fuzz`: starts the processes that run the cases, and watches them
worker.py  such a process: runs cases, and notices what a case must not do
records.py the cases of recipes, palettes, weights, journals and ledgers
collections.py  those of models, folders of layers and requests of pages
guided.py  one reader, guided by coverage, where atheris is installed
watch.py   what cases are watched by
cases/     where the files come from
"""
