"""What of torch is put off: imported when it is asked for, and not before."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from painter.system import late_torch


@pytest.fixture
def put_off(monkeypatch: pytest.MonkeyPatch) -> str:
    """A small module that is put off as if it were torch's, in a process where torch is not imported."""
    monkeypatch.setattr(late_torch, "_UNUSED", "colorsys")
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    late_torch.put_off()
    return "colorsys"


def test_it_is_imported_when_something_in_it_is_asked_for(put_off: str) -> None:
    import colorsys

    assert not hasattr(colorsys, "__file__")  # as whoever looks through all modules asks
    assert colorsys.rgb_to_hsv(1, 0, 0) == (0, 1, 1)
    assert inspect.getfile(sys.modules[put_off]).endswith("colorsys.py")


def test_it_can_be_imported_ahead(put_off: str) -> None:
    assert late_torch.import_late() is sys.modules[put_off]
    assert late_torch.import_late().rgb_to_hsv(1, 0, 0) == (0, 1, 1)


def test_nothing_is_put_off_once_torch_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", sys)
    monkeypatch.setattr(late_torch, "_UNUSED", "never.there")
    late_torch.put_off()
    assert "never.there" not in sys.modules


@pytest.mark.slow
def test_torch_does_without_and_gets_it_back() -> None:
    code = (
        "import sys; from painter.system import late_torch; late_torch.put_off(); import torch; "
        "x = torch.ones(3, requires_grad=True); (x * x).sum().backward(); assert x.grad.tolist() == [2, 2, 2]; "
        "assert isinstance(sys.modules['torch._meta_registrations'], late_torch._Late); "
        "made = torch.rand(3, generator=late_torch.random_generator(7)).tolist(); late_torch.import_late(); "
        "assert made == torch.rand(3, generator=torch.Generator().manual_seed(7)).tolist(); "
        "print(torch.empty(2, 3, device='meta').cholesky_inverse.__name__, 'torch._decomp' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split()[-1] == "True"
