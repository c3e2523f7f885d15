"""Currents that are injected into neurons, and derivatives by their numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from . import _core
from ._errors import InputError
from ._types import Array, ArrayLike, Indices

Frozen = TypeVar("Frozen", bound=np.ndarray[Any, Any])


@dataclass(frozen=True, eq=False)
class Current:
    """A piecewise constant current into a population, as `SpikeTrains.inject` was given it.

    Attributes:
        population: the name of the population
        values: float64, shape (steps,), (neurons, steps) or (samples, neurons, steps)
        times: when each step is, in seconds; or None
        start, interval: when the first of equally spaced steps is, and their distance, in seconds; or None
        neurons: which neurons of the population; None for all
        samples: which samples of the batch; None for all
    """

    population: str
    values: Array
    times: Array | None = None
    start: float | None = None
    interval: float | None = None
    neurons: Indices | None = None
    samples: Indices | None = None

    @property
    def heads(self) -> Array:
        """What stands before the values of each waveform: the times of its steps, or `start` and `interval`."""
        return np.array([self.start, self.interval], np.float64) if self.times is None else self.times

    @property
    def grid(self) -> tuple[int, int]:
        """How many different waveforms it has along samples and along neurons."""
        samples, neurons = np.broadcast_shapes((1, 1), self.heads.shape[:-1], self.values.shape[:-1])
        return samples, neurons

    def waveforms(self, values: Array, heads: Array) -> Array:
        """Such numbers as those of its waveforms: shape (samples, neurons, numbers)."""
        parts = [np.broadcast_to(part, (*self.grid, part.shape[-1])) for part in (heads, values)]
        return np.concatenate(parts, axis=-1)

    def rows(self, samples: int) -> Indices:
        """For each sample of a batch, which row of waveforms it has; −1 for none."""
        of = np.arange(samples) if self.samples is None else self.samples
        rows = np.full(samples, -1)
        rows[of] = np.arange(len(of)) if self.grid[0] > 1 else 0
        return rows

    def among(self, chosen: Indices, samples: int) -> Current:
        """The same current, where a batch has only the `chosen` of its samples."""
        rows = np.zeros(samples, np.int64) if self.samples is None else np.full(samples, -1)
        own = np.arange(samples) if self.samples is None else self.samples
        rows[own] = np.arange(len(own))
        has = rows[chosen] >= 0
        at = rows[chosen][has]

        def picked(array: Array) -> Array:
            return array[at] if array.ndim == 3 and len(array) == len(own) > 1 else array

        return replace(
            self,
            values=_frozen(picked(self.values)),
            times=None if self.times is None else _frozen(picked(self.times)),
            samples=None if self.samples is None else _frozen(np.nonzero(has)[0]),
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Current):
            return NotImplemented
        return all(_same(a, b) for a, b in zip(vars(self).values(), vars(other).values(), strict=True))

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class CurrentGradient:
    """Derivatives by the numbers of a `Current`, in the shapes of its numbers.

    Attributes:
        values: by its values, summed over the neurons and samples that a value goes into
        times: by the times of its steps, per second; None where it has none
        start, interval: by these, per second; None where it has none
    """

    values: Array
    times: Array | None = None
    start: float | None = None
    interval: float | None = None


def current(
    population: str,
    values: ArrayLike,
    *,
    times: ArrayLike | None,
    start: float,
    interval: float | None,
    neurons: ArrayLike | None,
    samples: ArrayLike | None,
    n_samples: int,
) -> Current:
    """A current for a batch of `n_samples`, checked; all but its population, which belongs to a network."""
    if not isinstance(population, str):
        raise InputError(f"population is a {type(population).__name__}; it must be a name", "population")
    of_neurons, of_samples = _chosen("neurons", neurons), _chosen("samples", samples)
    if of_samples is not None and (of_samples >= n_samples).any():
        raise InputError(f"samples names {of_samples.max()}; there are {n_samples} samples, counted from 0", "samples")
    sizes = (n_samples if of_samples is None else len(of_samples), None if of_neurons is None else len(of_neurons))
    of_values = _waveforms("values", values, sizes)
    steps = of_values.shape[-1]
    if (times is None) == (interval is None):
        raise InputError("times or interval must be given, and not both", "times")
    if times is None:
        first, apart = _number("start", start), _number("interval", interval)
        _check_samples(first, apart, steps)
        return Current(population, of_values, None, first, apart, of_neurons, of_samples)
    if _number("start", start) != 0.0:
        raise InputError("start belongs to interval; with times it is not given", "start")
    of_times = _waveforms("times", times, sizes)
    if of_times.shape[-1] != steps:
        raise InputError(f"times has {of_times.shape[-1]} steps; values has {steps}", "times")
    if (of_times < 0.0).any():
        raise InputError(f"times has {of_times.min()}; they must be times in seconds, 0 or more", "times")
    if (np.diff(of_times, axis=-1) <= 0.0).any():
        raise InputError("times must each be later than the one before", "times")
    try:
        np.broadcast_shapes(of_times.shape, of_values.shape)
    except ValueError:
        raise InputError(f"times has the shape {of_times.shape}, which does not fit that of values, {of_values.shape}", "times") from None
    return Current(population, of_values, of_times, None, None, of_neurons, of_samples)


def _waveforms(name: str, value: ArrayLike, sizes: tuple[int, int | None]) -> Array:
    array = _core.floats(name, value)
    if not 1 <= array.ndim <= 3:
        raise InputError(
            f"{name} has the shape {array.shape}; it must have (steps,), (neurons, steps) or (samples, neurons, steps)", name
        )
    samples, neurons = sizes
    if array.ndim == 3 and len(array) not in (1, samples):
        raise InputError(f"{name} has the shape {array.shape}, but there are {samples} samples", name)
    if array.ndim >= 2 and neurons is not None and array.shape[-2] not in (1, neurons):
        raise InputError(f"{name} has the shape {array.shape}, but there are {neurons} neurons", name)
    if not np.isfinite(array).all():
        raise InputError(f"{name} must be finite everywhere", name)
    return _frozen(array)


def _check_samples(start: float, interval: float, steps: int) -> None:
    if not 0.0 <= start < np.inf:
        raise InputError(f"start is {start}; it must be a time in seconds, 0 or more", "start")
    last = start + np.arange(max(steps - 2, 0), max(steps, 1)) * interval
    if not (0.0 < interval < np.inf and np.isfinite(last[-1]) and (np.diff(last) > 0.0).all()):
        raise InputError(
            f"interval is {interval}; it must be a length in seconds, positive, that the last time still shows", "interval"
        )


def _number(name: str, value: Any) -> float:
    array = _core.floats(name, value)
    if array.shape != ():
        raise InputError(f"{name} has the shape {array.shape}; it must be one number", name)
    return float(array)


def _chosen(name: str, value: ArrayLike | None) -> Indices | None:
    if value is None:
        return None
    chosen = _core.whole(name, value).reshape(-1)
    found, counts = np.unique(chosen, return_counts=True)
    if (counts > 1).any():
        raise InputError(f"{name} names {found[counts > 1][0]} more than once", name)
    return _frozen(chosen)


def _frozen(array: Frozen) -> Frozen:
    array.setflags(write=False)
    return array


def _same(one: Any, other: Any) -> bool:
    return np.array_equal(one, other) if isinstance(one, np.ndarray) else bool(np.all(one == other))
