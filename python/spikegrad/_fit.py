"""Fits: numbers of a network with which its neurons spike when they shall."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _core
from ._errors import DtypeError, InputError
from ._network import Network
from ._spikes import SpikeTrains, _count, _seconds
from ._types import Array
from .losses import Loss, _terms

@dataclass(frozen=True)
class FittedNeuron:
    """A neuron that was fitted alone, while it heard what it shall hear.

    Attributes:
        neuron: its population and index, such as `hidden[3]`
        starts: how many starts it took
        evaluations: how often it was run
        largest: the largest distance of a spike from its target, in seconds
        is_reached: whether all spikes came within the tolerance, and no others
    """

    neuron: str
    starts: int
    evaluations: int
    largest: float
    is_reached: bool


@dataclass(frozen=True)
class Fit:
    """What a fit has found.

    Attributes:
        network: the network with these numbers, a copy
        is_reached: whether every spike comes within the tolerance of its target, and no other within the run
        largest: the largest distance of a spike from its target, in seconds, of those that happen
        missing: spikes that do not happen
        surplus: spikes that happen beyond the targets
        neurons: those that were fitted alone, in their order; none where the network was fitted as a whole
        evaluations: how often the whole network was run
        steps: how many of these were steps downhill
        certificate: how far the derivatives of the targeted spike times can be trusted at the end, as in an answer of the program
    """

    network: Network
    is_reached: bool
    largest: float
    missing: int
    surplus: int
    neurons: tuple[FittedNeuron, ...]
    evaluations: int
    steps: int
    certificate: dict[str, Any]


@dataclass
class _Spec:
    """What the compiled part reads."""

    tolerance: float
    one_by_one: bool
    most_starts: int
    seed: int
    most_evaluations: int
    least_delay: float
    max_events: int | None
    progress: Callable[[str], object] | None


def fit(
    network: Network,
    trains: SpikeTrains,
    targets: Loss,
    *,
    trained: Sequence[str] | None = None,
    tolerance: float = 1e-6,
    one_by_one: bool = True,
    most_starts: int = 50,
    seed: int = 0,
    most_evaluations: int = 1000,
    least_delay: float = 1e-4,
    max_events: int | None = None,
    progress: Callable[[str], object] | None = None,
) -> Fit:
    """Look for numbers with which neurons of `network` spike at given times, from its values on. The network itself does not change.

    >>> targets = losses.spike_time_mse("pair", [[0.007, 0.020], [0.012]])
    >>> found = spikegrad.fit(network, trains, targets, progress=print)
    >>> found.is_reached, found.network["input->pair/weights"]

    `trains` has one sample. `targets` say for each neuron of a population when it shall spike, and never else; a sum of such losses is of several populations, each of
    which stands in it once. `trained` lists the values that may change, by their names in the network; weights, and the delays of those connections in which each synapse has its own, if it
    is not given. Time constants and other positive numbers stay positive, and no trained delay becomes shorter than `least_delay`, in seconds, unless it is already.

    Neurons with targets are fitted one by one, while they hear the targets of the others, unless `one_by_one` is False or they share what is trained; each of them from at most `most_starts` starts, which `seed`
    draws. Then the network runs as a whole, at most `most_evaluations` times. It is reached if each spike comes within `tolerance` seconds. That it is not is no error:
    `Fit.is_reached` says so. The answer has the same bits on any number of threads.

    `progress` is called with a sentence for each neuron and for each tenth step of the network, from another thread, one call at a time; what it raises ends the fit. So does Ctrl-C.

    Raises `InputError` for arguments that do not fit, `SimulationError` and `GradientError` for values to start from that have no run or no derivatives.
    """
    network._fits(trains)
    if not isinstance(targets, Loss):
        raise DtypeError(f"targets is a {type(targets).__name__}; it must be a Loss", "targets")
    if not (progress is None or callable(progress)):
        raise DtypeError(f"progress is {progress!r}; it must be a function of a str", "progress")
    terms = [term["loss"] for term in _terms(targets)]
    wrong = next((term["type"] for term in terms if term["type"] != "spike_time_mse"), None)
    if wrong is not None:
        raise InputError(f"targets is a {wrong} loss; it must be spike_time_mse, or a sum of such losses", "targets")
    spec = _Spec(
        _seconds("tolerance", tolerance),
        bool(one_by_one),
        _count("most_starts", most_starts),
        _count("seed", seed),
        _count("most_evaluations", most_evaluations),
        _seconds("least_delay", least_delay),
        max_events,
        progress,
    )
    losses = [Loss(term).stated() for term in terms]
    built, stimuli = network._built(), network._stimuli(trains)
    mask = None if trained is None else _mask(network, trained)
    numbers, text = _core.fit(built.network, mask, stimuli, losses, spec)
    answer = json.loads(text)
    answer["neurons"] = tuple(FittedNeuron(**neuron) for neuron in answer["neurons"])
    fitted = network.copy()
    fitted.flat = numbers
    return Fit(fitted, **answer)


def _mask(network: Network, trained: Sequence[str]) -> Array:
    """1 for each number that may change, else 0."""
    slots = network.slots
    mask = np.zeros(len(network.flat))
    for name in trained:
        if name not in slots:
            raise InputError(f"trained names {name!r}, which is no value of the network; there are {', '.join(slots)}", "trained")
        mask[slots[name].slice] = 1.0
    return mask
