"""How many threads compute."""

from __future__ import annotations

from . import _core
from ._spikes import _count


def set_threads(threads: int) -> None:
    """Let batches use this many threads of this process; with 0 as many as there are cores. Results do not depend on it, to the bit.

    Raises `InputError` for a negative number, and `DtypeError` for one that is not whole.
    """
    _core.set_threads(_count("threads", threads))
