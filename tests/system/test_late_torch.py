"""What of torch is put off: imported when it is asked for, and not before."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys

import pytest

from painter.system import late_torch


@pytest.fixture(autouse=True)
def finders(monkeypatch: pytest.MonkeyPatch) -> None:
    """`put_off` adds a finder."""
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))


@pytest.fixture
def put_off(monkeypatch: pytest.MonkeyPatch) -> str:
    """A small module that is put off as if it were torch's, in a process where torch is not imported."""
    monkeypatch.setattr(late_torch, "_UNUSED", ("colorsys",))
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
    stand_in = importlib.import_module(put_off)
    late_torch.import_late()
    late_torch.import_late()
    assert sys.modules[put_off] is not stand_in
    assert sys.modules[put_off].rgb_to_hsv(1, 0, 0) == (0, 1, 1)


def test_what_is_not_there_stays_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late_torch, "_UNUSED", ("colorsys.inner", "never.there"))
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    late_torch.put_off()
    late_torch.import_late()
    assert "never.there" not in sys.modules
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("never.there")


def test_a_package_that_is_put_off_has_its_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late_torch, "_UNUSED", ("xml.sax",))
    for name in [name for name in sys.modules if name.startswith("xml.sax")] + ["torch"]:
        monkeypatch.delitem(sys.modules, name, raising=False)
    late_torch.put_off()
    handler = importlib.import_module("xml.sax.handler")
    assert handler.ContentHandler is importlib.import_module("xml").sax.ContentHandler
    assert handler.__spec__ is not None and handler.__spec__.origin == handler.__file__
    assert importlib.import_module("xml.sax.saxutils").escape("<") == "&lt;"


def test_nothing_is_put_off_once_torch_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", sys)
    monkeypatch.setattr(late_torch, "_UNUSED", ("never.there",))
    late_torch.put_off()
    assert "never.there" not in sys.modules


ALL = (
    "early = [n for n in late_torch._names() if not isinstance(sys.modules.get(n, late), late_torch._Late)]; "
    "assert not early, early; "
    "assert torch.vmap(torch.neg)(x).tolist() == [-1, -1, -1]; "
    "assert len(torch.utils.data.TensorDataset(x)) == 3; assert torch.distributions.Normal(0, 1).mean == 0; "
    "from painter.learning.seeds import generator; "
    "assert torch.rand(1, generator=generator(3)) == torch.rand(1, generator=generator(3)); "
    "late_torch.import_late(); assert callable(torch.export.export); assert torch.vmap is torch.func.vmap; "
    "assert torch.empty(2, 3, device='meta').cholesky_inverse; "
)
OPTIMISER = "torch.optim.LBFGS([x]).step(lambda: (x * x).sum()); torch.Generator(); "  # imports torch's compiler
FURTHER_PART = "import torch.utils.bundled_inputs; "  # which torch does not import by itself


@pytest.mark.slow
@pytest.mark.parametrize("use", [ALL, OPTIMISER, FURTHER_PART])
def test_torch_does_without_and_gets_it_back(use: str) -> None:
    code = (
        "import sys; from painter.system import late_torch; late_torch.put_off(); "
        "late_torch.load_libraries_ahead(); late_torch.import_torch(); "
        "assert 'cv2' in sys.modules; "
        "import torch; late = sys.modules['torch._meta_registrations']; "
        "x = torch.ones(3, requires_grad=True); (x * x).sum().backward(); assert x.grad.tolist() == [2, 2, 2]; "
        f"{use}print('torch._decomp' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split()[-1] == "True"
