"""What the pages on Python show runs as it stands there."""

from __future__ import annotations

import re

import pytest
from conftest import ROOT

# Each page, and the packages that it shows beside numpy.
PAGES = {
    "README.md": ["torch"],
    "docs/python.md": ["torch", "jax"],
    "docs/python_pytorch.md": ["torch", "safetensors"],
    "docs/python_jax.md": ["jax"],
    "docs/from_other_tools.md": ["torch", "snntorch"],
}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = ROOT / page
    if not path.exists():
        pytest.skip(f"{page} is not beside the tests")
    for package in PAGES[page]:
        pytest.importorskip(package, reason=f"{package} is not installed, which {page} shows")
    monkeypatch.chdir(ROOT)
    text = path.read_text()
    blocks = list(re.finditer(r"```python\n(.*?)```", text, re.DOTALL))
    assert blocks
    names: dict[str, object] = {}
    for block in blocks:
        # Errors then name the line of the page.
        lines = text.count("\n", 0, block.start(1))
        exec(compile("\n" * lines + block[1], page, "exec"), names)
