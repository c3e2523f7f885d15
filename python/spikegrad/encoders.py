"""Codes: how points and images become input spikes.

An encoder is stated once, and encodes arrays: `encoders.latency(t_max=0.02)(points, t_end=0.04)`. It is what a training configuration calls
`encoder`. Times are in seconds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _core
from ._spikes import SpikeTrains
from ._types import ArrayLike

__all__ = ["Encoder", "latency", "spikes"]


@dataclass(frozen=True)
class Encoder:
    """A code, made by the functions of this module.

    Attributes:
        document: how it stands in a training configuration
    """

    document: dict[str, Any]

    def __call__(self, inputs: ArrayLike | SpikeTrains, *, t_end: float) -> SpikeTrains:
        """The spikes of samples: points in [0, 1] of shape (samples, values), images of uint8 (samples, rows, columns), or spike trains.

        The channel of a spike is the position of its value; a bias comes last. Runs end at `t_end` seconds. Raises `InputError` for values outside of
        [0, 1], and `TrainingError` for a code that would spike after `t_end`.
        """
        if not isinstance(inputs, SpikeTrains):
            inputs = np.asarray(inputs)
        count = len(inputs)
        data = _core.DataSet(inputs, np.zeros(count, np.int64), ["any"])
        return _trains(data.encode(json.dumps(self.document), t_end), t_end)


def _trains(flat: Any, t_end: float) -> SpikeTrains:
    n_channels, offsets, times, channels = flat
    return SpikeTrains(
        times, channels.astype(np.int64), offsets.astype(np.int64), n_channels=n_channels, t_end=t_end
    )


def latency(
    *,
    t_min: float = 0.0,
    t_max: float = 0.02,
    larger_first: bool = False,
    silent_below: float = 0.0,
    t_bias: float | None = None,
    shape: str = "linear",
) -> Encoder:
    """One spike for each value v in [0, 1] (a pixel is v · 255), between `t_min` and `t_max` seconds.

    `larger_first`: larger values spike earlier. Values below `silent_below` do not spike. `t_bias`: one more channel, with a spike at
    this time, in seconds. `shape`: "linear", or "logarithmic", in which a change of contrast moves all spikes by the same time.
    """
    return Encoder(
        {
            "code": "latency",
            "t_min": t_min,
            "t_max": t_max,
            "larger_first": larger_first,
            "silent_below": silent_below,
            "t_bias": t_bias,
            "shape": shape,
        }
    )


def spikes(*, scale: float = 1.0, t_bias: float | None = None) -> Encoder:
    """Spike trains as they are, with all times multiplied by `scale`; `t_bias`, in seconds, as in `latency`."""
    return Encoder({"code": "spikes", "scale": scale, "t_bias": t_bias})
