"""The clips and measures of scripts/benchmark/video.py: what is known of a clip is true, and measures tell apart."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from scripts.benchmark.video_clips import CLIPS, flow_error, kept_sharpness, psnr, warp_error


@pytest.mark.parametrize("name", ["pan", "turn", "head"])
def test_the_flow_of_a_clip_is_its_own(name: str) -> None:
    clip = CLIPS[name](3, 128)
    still = [(np.zeros_like(flow), known) for flow, known in clip.flows]
    assert warp_error(clip.frames, clip.flows) < 0.5 * warp_error(clip.frames, still)
    assert warp_error(clip.frames, clip.flows) < 4
    assert flow_error(clip.frames, clip) == 0.0


def test_a_still_clip_has_noise_only_where_it_is_asked_for() -> None:
    assert all(np.array_equal(*pair) for pair in pairwise(CLIPS["still"](3, 64).frames))
    noisy = CLIPS["noisy"](3, 64)
    assert psnr(noisy.frames[0], noisy.clean[0]) == pytest.approx(20 * np.log10(255 / 4), abs=0.5)


def test_blur_that_grows_is_seen() -> None:
    clip = CLIPS["still"](3, 64)
    blurred = [clip.frames[0], *(cv2.GaussianBlur(frame, (0, 0), 1.5) for frame in clip.frames[1:])]
    assert kept_sharpness(clip.frames, clip) == pytest.approx(1.0)
    assert kept_sharpness(blurred, clip) < 0.6
