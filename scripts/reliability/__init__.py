"""What is tried at length: old and new versions, kills, full disks, the same bytes from other processors and builds.

versions.py  `make test-oldest`, `make test-newest`: the tests with the oldest and the newest dependencies allowed
bare.py      `make test-bare`: `pip install .` into an empty environment, and a painting there without the network
kills.py     `make kills`: 100 kills at random moments of all commands
wheels.py    `make same-wheel`: two builds of the wheel have the same digest
"""
