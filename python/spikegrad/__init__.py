"""Exact gradients of event-based spiking networks.

Networks of leaky, adaptive or quadratic integrate-and-fire neurons are simulated in continuous time, from spike to spike, and a loss on spike
times or membrane potentials is differentiated with respect to every number of the network. Times are in seconds; potentials
and currents share one unit, in which a threshold is 1 unless it is said.

`Problem` reads problem files; `Network` is built by names and takes `SpikeTrains`; `losses` has losses; `Trainer` trains; `fit` looks for
numbers with which neurons spike at given times. `spikegrad.torch`, `spikegrad.jax` and `spikegrad.plot` need PyTorch, JAX and matplotlib, and
are loaded when they are first used; so is `spikegrad.convert`, which reads networks of snnTorch and norse, and `spikegrad.nir`, which reads
and writes NIR files.
"""

from __future__ import annotations

import importlib
from typing import Any

from . import datasets, encoders, losses
from ._core import __version__, threads
from ._currents import Current, CurrentGradient
from ._errors import (
    DtypeError,
    GradientError,
    InputError,
    NetworkError,
    NirError,
    ProblemError,
    SimulationError,
    SpikegradError,
    TrainingError,
)
from ._evaluate import Gradient, Record, Run, maximum, mean, sample
from ._fit import Fit, FittedNeuron, fit
from ._network import Network
from ._parts import Slot
from ._problem import Problem
from ._spikes import SpikeTrains
from ._threads import set_threads
from ._trainer import Trainer

__all__ = [
    "Current",
    "CurrentGradient",
    "DtypeError",
    "Fit",
    "FittedNeuron",
    "Gradient",
    "GradientError",
    "InputError",
    "Network",
    "NetworkError",
    "NirError",
    "Problem",
    "ProblemError",
    "Record",
    "Run",
    "SimulationError",
    "Slot",
    "SpikeTrains",
    "SpikegradError",
    "Trainer",
    "TrainingError",
    "__version__",
    "datasets",
    "encoders",
    "fit",
    "losses",
    "maximum",
    "mean",
    "sample",
    "set_threads",
    "threads",
]

_WHEN_USED = ("convert", "jax", "nir", "plot", "torch")


def __getattr__(name: str) -> Any:
    if name in _WHEN_USED:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
