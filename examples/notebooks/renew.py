"""Runs the notebooks of this folder, or those that are named, and stores their outputs.

    pip install '.[notebooks]' && python examples/notebooks/renew.py
"""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient


def executed(path: Path) -> nbformat.NotebookNode:
    """The notebook with new outputs, without times of execution and names of machines."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, kernel_name="python3", timeout=300, record_timing=False, resources={"metadata": {"path": path.parent}}).execute()
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.metadata = nbformat.from_dict({"kernelspec": kernel, "language_info": {"name": "python"}})
    return notebook


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:] or sorted(Path(__file__).parent.glob("*.ipynb"))):
        nbformat.write(executed(path), path)
        print(path.name)
