"""The machine below a painting: files, locks, signals, devices, time and memory.

Only snapshot.py and autosave.py import torch at the top, and fingerprint.py reads options; all others are light.

    atomic.py       files that are complete or not there       names.py       numbered output names that are free
    locks.py        lock files                                 journal.py     which names and files a run has used
    fingerprint.py  what a run is of, to compare runs          snapshot.py    the state of a search as bytes
    autosave.py     progress that survives a kill: --resume    interrupts.py  Ctrl-C, deferred
    devices.py      CPU or CUDA; threads of torch              quiet.py       silence for noisy libraries
    usage.py        a stopwatch, peak memory                   late_torch.py  what of torch is not needed
    ahead.py        work begun before its result is needed      library_settings.py   how libraries wait and allocate
"""
