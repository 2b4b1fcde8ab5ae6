"""Triton's compiler, in a process of its own: in ours kernels are interpreted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def check_compiles(code: str, folder: Path) -> None:
    """Run Python code that compiles kernels; it must succeed. `folder` is for what Triton keeps."""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment["TRITON_CACHE_DIR"] = str(folder)
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
