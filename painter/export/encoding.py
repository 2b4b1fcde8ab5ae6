"""Every constant of the encoders, once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EncodingConfig:
    """What the encoders use where no option says otherwise."""

    duration: float = 4.74  # seconds until the finished painting is there: 80 frames, 60 ms apart
    fps: float = 50 / 3
    video_fps: float = 30.0
    gif_fps: float = 50.0  # the most a GIF shows: browsers slow down what is shorter than 20 ms
    sample_frames: int = 8  # of the growing painting, from which a GIF's colours are chosen
    sample_side: int = 160  # their longest side, pixels
    video_side: int = 4096  # the longest side that phones decode
    video_crf: int = 18  # x264's constant rate factor; 18 is hard to tell from the original
    video_threads: int = 4  # x264's bytes depend on it, so it does not follow the machine
    fewest_frames: int = 16  # to which `max_bytes` lowers them, before it lowers something else
    fewest_colors: int = 32
    lowest_quality: int = 40
    highest_crf: int = 34
    smallest_side: int = 32  # pixels; lowered last
