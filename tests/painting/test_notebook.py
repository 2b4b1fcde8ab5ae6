"""What notebooks show of paintings, results and strokes, and the example notebook."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from helpers.paintings import make_painting
from PIL import Image

from painter import Result
from painter.painting.drawn import Drawn

NOTEBOOK = Path(__file__).resolve().parents[2] / "examples" / "notebook.ipynb"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ground", "kind", "mode"), [((1.0, 1.0, 1.0), "image/jpeg", "RGB"), (None, "image/png", "RGBA")]
)
def test_a_painting_shows_itself(ground: Any, kind: str, mode: str) -> None:
    painting = make_painting(12, ground=ground, size=600)
    bundle = painting._repr_mimebundle_()
    assert set(bundle) == {kind, "text/plain"}
    assert bundle["text/plain"] == repr(painting) == "<Painting: 12 markerpen strokes, 600x450>"
    with Image.open(io.BytesIO(bundle[kind])) as image:
        assert image.size == (512, 384) and image.mode == mode
    assert painting._repr_mimebundle_()[kind] is bundle[kind], "it is drawn once"


def test_a_result_shows_its_painting() -> None:
    painting = make_painting(12)
    result = Result(painting, Drawn(painting.draw()), {"psnr": 30.123})
    assert repr(result) == "<Result: <Painting: 12 markerpen strokes, 64x48>, 30.12 dB>"
    assert result._repr_mimebundle_()["image/jpeg"] == painting._repr_mimebundle_()["image/jpeg"]


def test_strokes_show_themselves_as_a_table() -> None:
    strokes = make_painting(30).strokes
    table = strokes._repr_html_()
    assert table.count("<tr>") == 12 and "…" in table and "<p>30 of markerpen</p>" in table
    assert f"<td>{int(strokes.seed[29])}</td>" in table
    assert strokes[:10]._repr_html_().count("<tr>") == 11 and "…" not in strokes[:10]._repr_html_()


def test_a_player_is_a_page_in_a_frame() -> None:
    player = make_painting(5).player(size=40)
    text = player._repr_html_()
    assert repr(player) == "<Player: 5 markerpen strokes, 40x30>"
    assert text.startswith('<iframe srcdoc="&lt;!doctype html&gt;')
    assert 'width="40" height="30"' in text and 'sandbox="allow-scripts"' in text


class Handle:
    """What `display(..., display_id=True)` returns."""

    def __init__(self) -> None:
        self.shown: list[dict[str, Any]] = []

    def update(self, bundle: dict[str, Any], raw: bool) -> None:
        assert raw
        self.shown.append(bundle)


@pytest.mark.slow
def test_the_example_notebook_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    handle, module = Handle(), ModuleType("IPython.display")
    module.display = lambda bundle, raw, display_id: handle  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    names: dict[str, Any] = {}
    for cell in json.loads(NOTEBOOK.read_text())["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            exec("".join(cell["source"]), names)
    assert handle.shown and "step 12 of 12" in handle.shown[-1]["text/plain"]
    with Image.open(io.BytesIO(handle.shown[-1]["image/png"])) as image:
        assert np.asarray(image)[..., 3].any()
