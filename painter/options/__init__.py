"""What a person may ask for: every option with its default, its help text and its check.

Options are fields of frozen dataclasses; the command line, TOML files and the documentation take theirs from here.
This room imports neither numpy nor torch, so that a bad option is refused at once.

    kinds.py         the kinds of value that hold one thing: numbers, names, colours, files; list_kinds.py: several
    fields.py        how a dataclass field becomes an option, and how options are checked
    paint.py         PaintConfig: a painting            presets.py   named groups of its settings
    export.py        ExportConfig: its files            toml.py      its settings from a TOML file
    replay.py        ReplayConfig                       running.py   RunningConfig: many paintings at once
    restyle.py       RestyleConfig                      transfer.py  TransferConfig
    morph.py         MorphConfig                        reveal.py    RevealConfig
    style_checks.py  checks that commands with a style share; network_layers.py: the networks' layers, by name
"""
