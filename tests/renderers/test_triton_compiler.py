"""Triton's compiler takes all kernels, in a process of its own: in ours they are interpreted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMPILE = """
import triton
from triton.backends.compiler import GPUTarget
from renderers import decoder_cuda, patch_kernels
from renderers.blending import cuda, triton_kernels

counts, doubles = {"height", "width", "count", "columns"}, {"totals"}
integers = {"places", "by_stroke", "tile_first", "stroke_first", "first_of"}

def compiled(kernel, warps, options, **constants):
    def kind(name):
        if name in constants:
            return "constexpr"
        if name in counts:
            return "i32"
        return "*fp64" if name in doubles else "*i64" if name in integers else "*fp32"

    source = triton.compiler.ASTSource(kernel, {name: kind(name) for name in kernel.arg_names}, constants)
    options = {"num_warps": warps, **options}
    return triton.compile(source, target=GPUTarget("cuda", 80, 32), options=options).asm["ptx"]

def blending(kernel, warps=cuda.WARPS, **constants):
    return compiled(kernel, warps, cuda.OPTIONS, **constants)

def decoding(kernel, warps=decoder_cuda.WARPS, **constants):
    return compiled(kernel, warps, decoder_cuda.OPTIONS, **constants)

for channels in (3, 4):
    for flag in (False, True):
        assert "st.global" in blending(triton_kernels.forward, CHANNELS=channels, RECORD=flag)
        unwanted = {} if flag else {"grad_texels": None}
        backward = blending(triton_kernels.backward, CHANNELS=channels, MAPS=flag, **unwanted)
        assert flag == ("atom.global" in backward or "red.global" in backward)
blending(triton_kernels.backward, CHANNELS=3, MAPS=True, height=1, width=1)  # as Triton sees a 1 x 1 canvas
assert "add.f64" in blending(triton_kernels.add_pairs, 1, AT_ONCE=32)

for kernel in (patch_kernels.decode, patch_kernels.decode_backward):
    ptx = decoding(kernel, FEATURES=32, WIDTH_A=32, WIDTH_M=16)
    assert "st.global" in ptx and "mma" in ptx and "tf32" in ptx
assert "st.global" in decoding(patch_kernels.add_rows, 1, WIDTH=32, AT_ONCE=32)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="Triton compiles for CUDA on Linux")
def test_the_compiler_accepts_the_kernels(tmp_path: Path) -> None:
    """The interpreter takes more than the compiler does; compiling needs no device."""
    pytest.importorskip("triton")
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment["TRITON_CACHE_DIR"] = str(tmp_path)
    command = [sys.executable, "-c", COMPILE]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
