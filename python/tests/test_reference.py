"""Every public name has a docstring, and the reference of them all can be built."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import spikegrad

# Modules with a package that they need beside numpy.
MODULES = {
    "spikegrad": None,
    "spikegrad.convert": None,
    "spikegrad.datasets": None,
    "spikegrad.encoders": None,
    "spikegrad.jax": "jax",
    "spikegrad.losses": None,
    "spikegrad.nir": None,
    "spikegrad.plot": "matplotlib",
    "spikegrad.torch": "torch",
}

def there() -> list[str]:
    """The modules that can be imported."""
    return [name for name, package in MODULES.items() if package is None or importlib.util.find_spec(package)]


def public(name: str, thing: Any) -> Iterator[tuple[str, Any]]:
    """A function, or a class with what it defines itself and a user calls; constructors are described by their classes."""
    yield name, thing
    if inspect.isclass(thing):
        own = {"__call__", "__len__", "__iter__", "__getitem__", "__setitem__", "__add__", "__mul__"}
        for key, member in vars(thing).items():
            member = member.__func__ if isinstance(member, (classmethod, staticmethod)) else member
            made = isinstance(member, property) or inspect.isfunction(member) and member.__module__ == thing.__module__
            if made and (not key.startswith("_") or key in own):
                yield f"{name}.{key}", member


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_has_a_docstring(module: str) -> None:
    if module not in there():
        pytest.skip(f"{MODULES[module]} is not installed")
    imported = importlib.import_module(module)
    assert imported.__doc__
    bare = []
    for name in imported.__all__:
        thing = getattr(imported, name)
        if callable(thing):
            bare += [each for each, what in public(name, thing) if not (getattr(what, "__doc__", None) or "").strip()]
    assert not bare


def test_all_modules_are_listed() -> None:
    folder = Path(spikegrad.__file__).parent
    assert set(MODULES) == {"spikegrad", *(f"spikegrad.{path.stem}" for path in folder.glob("*.py") if path.stem[0] != "_")}


def test_the_reference_is_built_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("pdoc", reason="pdoc is not installed, which makes the reference")
    # Those that `spikegrad` itself lists come with it.
    modules = [name for name in there() if name.rpartition(".")[2] not in spikegrad.__all__]
    command = [sys.executable, "-m", "pdoc", "-d", "google", "-o", str(tmp_path), *modules]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "Warn" not in done.stderr and "Error" not in done.stderr, done.stderr
    for name in there():
        assert (tmp_path / name.replace(".", "/")).with_suffix(".html").exists()
