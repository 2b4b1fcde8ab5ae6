"""Imported by the process that others are forked from (see helpers.forked): loads what takes seconds.

No thread may be running when a process is forked, so all is done in one.
"""

import faulthandler
import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import cv2
import numpy as np
import torch
import torch._dynamo

import painter.batch.paint_job
import painter.cli.batch
import painter.cli.paint
import painter.cli.replay
import painter.cli.transfer
import painter.learning.learning
import painter.studio.task_worker  # noqa: F401
from painter import PaintConfig, paint
from painter.options.paint import STYLES
from renderers.threads import limited_to

os.fsync = lambda fd: None  # as tests/conftest.py has it
torch.set_num_threads(1)
cv2.setNumThreads(1)
PICTURE = np.arange(24 * 32 * 3, dtype=np.uint8).reshape(24, 32, 3)
with limited_to(1):
    for style in STYLES:
        paint(PICTURE, PaintConfig(style=style, strokes=8, size=32, iterations=4, focus="none"))
faulthandler.cancel_dump_traceback_later()  # see helpers.patience
