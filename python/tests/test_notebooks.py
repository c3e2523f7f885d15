"""The notebooks run, and the outputs that are stored in them are those of the package."""

from __future__ import annotations

import base64
import re
import runpy
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

for package in ("nbclient", "nbformat", "ipykernel", "matplotlib"):
    pytest.importorskip(package, reason=f"{package} is not installed, which the notebooks need")

import nbformat  # noqa: E402

FOLDER = ROOT / "examples" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def printed(notebook: Any) -> list[str]:
    """What each cell printed."""
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return [output.text if output.output_type == "stream" else output.data.get("text/plain", "") for output in outputs]


def parts(texts: list[str]) -> tuple[list[str], list[float]]:
    """Texts without their numbers, and these: another processor may round otherwise, and a training then takes another course."""
    number = r"-?\d+(?:\.\d+)?(?:e-?\d+)?"
    return [re.sub(number, "#", text) for text in texts], [float(found) for text in texts for found in re.findall(number, text)]


def pictures(notebook: Any) -> list[str]:
    """The pictures of all cells."""
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return [output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_holds_what_it_says(path: Path) -> None:
    stored = nbformat.read(path, as_version=4)
    nbformat.validate(stored)
    again = runpy.run_path(str(FOLDER / "renew.py"))["executed"](path)
    (words, numbers), (stored_words, stored_numbers) = parts(printed(again)), parts(printed(stored))
    assert words == stored_words, "run examples/notebooks/renew.py"
    assert numbers == pytest.approx(stored_numbers, rel=0.01), "run examples/notebooks/renew.py"
    assert len(pictures(again)) == len(pictures(stored)) > 0
    assert all(base64.b64decode(picture).startswith(b"\x89PNG") for picture in pictures(stored))
    assert stored.metadata == again.metadata
    assert path.stat().st_size < 150_000
