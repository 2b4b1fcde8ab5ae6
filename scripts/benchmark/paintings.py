"""One painting from start to files, in a process of its own: what scripts/benchmark/run.py measures end to end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from scripts import ROOT

# Starts a command from a small process: the memory that a process has when it starts another counts towards that one's
# peak.
LAUNCHER = """
import json, resource, subprocess, sys, time
begin = time.perf_counter()
code = subprocess.run(sys.argv[1:]).returncode
seconds, peak = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps({"code": code, "seconds": seconds, "peak_bytes": peak * (1 if sys.platform == "darwin" else 1024)}))
"""


def time_painting(photo: Path, style: str, strokes: int, size: int, *more: str) -> dict[str, Any]:
    """Paint a photo in a process of its own, leaving PNG, GIF and report beside it."""
    command = [sys.executable, str(ROOT / "paint.py"), str(photo), "--style", style, "--strokes", str(strokes)]
    command += ["--size", str(size), "--quiet", "--no-strokes", "--overwrite", *more]
    command += ["--report", str(photo.with_name("report.json"))]
    for ending in ("painting.png", "painting.gif"):
        command += ["-o", str(photo.with_name(ending))]
    launched = subprocess.run([sys.executable, "-c", LAUNCHER, *command], stdout=subprocess.PIPE, text=True, check=True)
    launch = json.loads(launched.stdout.splitlines()[-1])
    if launch["code"]:
        raise SystemExit(f"paint.py ended with code {launch['code']}: {' '.join(command)}")
    report = json.loads(photo.with_name("report.json").read_text())
    return {
        "style": style,
        "strokes": strokes,
        "size": size,
        "seconds": launch["seconds"],
        "peak_gb": launch["peak_bytes"] / 1e9,
        "psnr": report["psnr"],
        "phases": report["seconds"],
    }
