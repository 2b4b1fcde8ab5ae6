"""What is tried at length: old and new versions, kills, full disks, an empty environment, two builds.

versions.py         `make test-oldest`, `make test-newest`: the tests with the oldest and the newest dependencies
bare.py             `make test-bare`: `pip install .` into an empty environment, and a painting there without a network
kills.py            `make kills`: 100 kills, at random moments, of the commands that search and of the studio
killed_commands.py  which commands those are; a new one is one entry
studio_visitor.py   who asks the studio for paintings while it is killed
troubles.py         `make troubles`: full disks, read-only folders, a clock that jumps, two at a time, little memory
wheels.py           `make same-wheel`: two builds of the wheel have the same digest
"""
