"""Where pictures deserve fine strokes: found once for each of the last few pictures, and ahead of time if asked."""

from __future__ import annotations

from functools import partial
from threading import Lock

import numpy as np

from painter.options.network_files import face_detector
from painter.pictures.focus import auto_focus
from painter.pictures.picture import Picture
from painter.pictures.resizing import at_most
from painter.system.ahead import Ahead

FOCUSES_KEPT = 8  # pictures of which is remembered where faces and fine detail are

Key = tuple[str, tuple[int, int], tuple[int, ...], int, str]
_kept: dict[Key, Ahead[np.ndarray]] = {}
_lock = Lock()


def look_ahead(picture: Picture, side: int) -> None:
    """Begin `focus_of(picture, side)` in a thread, while other things are made ready."""
    _begun(picture, side)


def focus_of(picture: Picture, side: int) -> np.ndarray:
    """`painter.pictures.focus.auto_focus` of a picture with a long side of at most `side` pixels; not to be written to.

    It is kept for the last few pictures, for many paintings may be made of one.

    Raises:
        CheckpointError: the networks that find faces are damaged.
    """
    looked = _begun(picture, side)
    try:
        return looked.result()
    except BaseException:
        with _lock:
            _kept.pop(_key(picture, side), None)  # another try may do better
        raise


def _key(picture: Picture, side: int) -> Key:
    return picture.sha256, picture.size, picture.rgb.shape, side, face_detector()


def _begun(picture: Picture, side: int) -> Ahead[np.ndarray]:
    key = _key(picture, side)
    with _lock:
        if key not in _kept:
            while len(_kept) >= FOCUSES_KEPT:
                _kept.pop(next(iter(_kept)))
            _kept[key] = Ahead(partial(_look, picture, side))
        return _kept[key]


def _look(picture: Picture, side: int) -> np.ndarray:
    alpha = None if picture.alpha is None else at_most(picture.alpha, side)
    found = auto_focus(at_most(picture.rgb, side), alpha)
    found.flags.writeable = False
    return found
