"""NIR files, in which tools for spiking networks exchange what they trained: Norse, snnTorch, Sinabs, Rockpool and others.

What a file may hold that the engine cannot is refused by a `NirError` with the name of its node. How each node is mapped stands in docs/nir.md.
"""

from __future__ import annotations

import json
import warnings
from os import PathLike, fspath
from typing import Literal

from . import _core
from ._errors import InputError
from ._network import Network

__all__ = ["read", "write"]


def read(path: str | PathLike[str], *, dt: float | None = None) -> Network:
    """The network of a NIR file.

    `dt`, in seconds, is the step of a tool whose spikes are pulses of height 1 that last a step; of a file that shows its step it need not be given. What
    was assumed is said by warnings. Raises `NirError` for a file or a node that cannot be read.

    >>> network = spikegrad.nir.read("net.nir")
    """
    text, notes = _core.read_nir(fspath(path), dt)
    for note in notes:
        warnings.warn(note, stacklevel=2)
    return Network.from_dict(json.loads(text)["network"])


def write(
    network: Network,
    path: str | PathLike[str],
    *,
    convention: Literal["continuous", "discrete"] = "continuous",
    dt: float | None = None,
) -> None:
    """Write a network as a NIR file.

    `convention`: "continuous" writes its equations as they stand, "discrete" the numbers of a tool that takes steps of `dt` seconds. Raises `NirError`
    for a network that no NIR file holds, and then writes nothing.
    """
    if convention not in ("continuous", "discrete"):
        raise InputError(f"convention is {convention!r}; it must be 'continuous' or 'discrete'", "convention")
    if (convention == "discrete") != (dt is not None):
        raise InputError("dt must be given with the convention 'discrete', and with no other", "dt")
    problem = {
        "format": "spikegrad-problem",
        "version": 1,
        "network": network.to_dict(),
        "stimulus": {"t_end": 1.0, "spikes": []},
    }
    _core.write_nir(json.dumps(problem).encode(), fspath(path), dt)
