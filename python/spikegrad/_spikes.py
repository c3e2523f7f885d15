"""Spike trains of samples, in flat arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

import numpy as np

from . import _core
from ._currents import Current, current
from ._errors import DtypeError, InputError
from ._injections import injections
from ._types import Array, ArrayLike, Indices, Ranges


class SpikeTrains:
    """Spikes of `len(trains)` samples on `n_channels` channels, between 0 and `t_end` seconds.

    Attributes:
        times: float64, shape (spikes,), in seconds, in the order in which they were given
        channels: int64, shape (spikes,)
        offsets: int64, shape (samples + 1,): sample k has the spikes `offsets[k]:offsets[k + 1]`
        n_channels: the number of channels
        t_end: the end of every sample, in seconds
        currents: what `inject` has added, in order

    The arrays cannot be changed. There are other ways to make one: `from_lists`, `from_events`, `from_raster`. All raise `InputError` for times that
    are negative, not finite or after `t_end`, for channels that there are not, and for shapes that do not fit; and `DtypeError` for numbers of
    another kind.
    """

    __slots__ = ("_injected", "_trains", "channels", "currents", "n_channels", "offsets", "t_end", "times")

    def __init__(
        self, times: ArrayLike, channels: ArrayLike, offsets: ArrayLike, *, n_channels: int, t_end: float
    ) -> None:
        self.times: Array = _core.floats("times", times)
        self.channels = _core.whole("channels", channels)
        self.offsets = _core.whole("offsets", offsets)
        self.n_channels = _count("n_channels", n_channels)
        self.t_end = _seconds("t_end", t_end)
        for name in ("times", "channels", "offsets"):
            array = getattr(self, name)
            if array.ndim != 1:
                raise InputError(f"{name} has the shape {array.shape}; it must have one dimension", name)
            array.setflags(write=False)
        self._trains = _core.Trains(self.n_channels, self.offsets, self.times, self.channels, self.t_end)
        self.currents: tuple[Current, ...] = ()
        self._injected: tuple[Ranges, _core.Trains] | None = None

    @classmethod
    def from_lists(cls, samples: Iterable[Sequence[ArrayLike]], *, t_end: float) -> SpikeTrains:
        """Make them of lists: `samples[k][channel]` are the times of a channel in a sample, in seconds. Every sample lists every channel."""
        times: list[Array] = []
        channels: list[Indices] = []
        counts = [0]
        width = None
        for k, sample in enumerate(samples):
            trains = [_core.floats(f"samples[{k}][{c}]", train).reshape(-1) for c, train in enumerate(sample)]
            if width not in (None, len(trains)):
                raise InputError(
                    f"samples[{k}] has {len(trains)} channels; those before it have {width}", f"samples[{k}]"
                )
            width = len(trains)
            times += trains
            channels += [np.full(len(train), c, np.int64) for c, train in enumerate(trains)]
            counts.append(sum(len(train) for train in trains))
        return cls(
            np.concatenate([np.empty(0), *times]),
            np.concatenate([np.empty(0, np.int64), *channels]),
            np.cumsum(counts),
            n_channels=width or 0,
            t_end=t_end,
        )

    @classmethod
    def from_events(
        cls, samples: Iterable[tuple[ArrayLike, ArrayLike]], *, n_channels: int, t_end: float
    ) -> SpikeTrains:
        """Make them of pairs (units, times), one for each sample: the channel and the time in seconds of each spike, two arrays of shape (spikes,)."""
        times: list[Array] = []
        units: list[Indices] = []
        counts = [0]
        for k, (of_unit, at) in enumerate(samples):
            units.append(_core.whole(f"samples[{k}][0]", of_unit).reshape(-1))
            times.append(_core.floats(f"samples[{k}][1]", at).reshape(-1))
            if len(units[-1]) != len(times[-1]):
                raise InputError(
                    f"samples[{k}] has {len(units[-1])} units and {len(times[-1])} times", f"samples[{k}]"
                )
            counts.append(len(times[-1]))
        return cls(
            np.concatenate([np.empty(0), *times]),
            np.concatenate([np.empty(0, np.int64), *units]),
            np.cumsum(counts),
            n_channels=n_channels,
            t_end=t_end,
        )

    @classmethod
    def from_raster(cls, raster: ArrayLike, *, dt: float, t_end: float | None = None) -> SpikeTrains:
        """Make them of a dense raster, shape (steps, channels) or (samples, steps, channels): an entry n at step k is n spikes at k · `dt` seconds.

        `t_end` is the end of the last step unless it is said. snnTorch and norse have steps first: `raster.transpose(1, 0, 2)`.
        """
        array = _core.floats("raster", raster)
        if array.ndim == 2:
            array = array[None]
        if array.ndim != 3:
            raise InputError(
                f"raster has the shape {array.shape}; it must have (steps, channels) or (samples, steps, channels)",
                "raster",
            )
        dt = _seconds("dt", dt)
        if dt == 0.0:
            raise InputError("dt is 0.0; it must be a positive time in seconds", "dt")
        # More spikes than that in one step are something else, such as seconds or grey values.
        if not ((array >= 0) & (array < 2**16) & (array == np.rint(array))).all():
            raise InputError("raster must have whole numbers of spikes, from 0 to 65535 in a step", "raster")
        counts = array.astype(np.int64)
        sample, step, channel = (np.repeat(axis, counts[counts > 0]) for axis in np.nonzero(counts > 0))
        offsets = np.searchsorted(sample, np.arange(len(array) + 1))
        end = array.shape[1] * dt if t_end is None else t_end
        return cls(step * dt, channel, offsets, n_channels=array.shape[2], t_end=end)

    def inject(
        self,
        population: str,
        values: ArrayLike,
        *,
        times: ArrayLike | None = None,
        interval: float | None = None,
        start: float = 0.0,
        neurons: ArrayLike | None = None,
        samples: ArrayLike | None = None,
    ) -> SpikeTrains:
        """The same spikes, and a current into the neurons of a population: piecewise constant, exact, added to their `i_bias`.

        >>> trains.inject("exc", [1.5, 0.0], times=[0.01, 0.03])        # 1.5 from 10 ms to 30 ms
        >>> trains.inject("exc", noise, interval=1e-4, neurons=[0, 2])  # samples at 10 kHz, from time 0 on

        The current is 0 before its first step, and from each step on the value that stands there; the last one stays to the end. Steps are at
        `times` in seconds, or at `start` + k · `interval`. `values` has the shape (steps,), (neurons, steps) or (samples, neurons, steps),
        where 1 neuron or 1 sample stands for all; `times` may have such a shape, too. `neurons` and `samples` say which of them are meant; all, if
        they are left out. Several currents into one neuron add up: `inject` again.

        Derivatives by all these numbers are the `currents` of a `Gradient`. What does not fit the network is found when it is run.
        """
        added = current(
            population, values, times=times, start=start, interval=interval, neurons=neurons, samples=samples, n_samples=len(self)
        )
        return self._with((*self.currents, added))

    def _with(self, currents: Sequence[Current]) -> SpikeTrains:
        """The same spikes, which are shared, with other currents."""
        trains = SpikeTrains.__new__(SpikeTrains)
        for name in ("times", "channels", "offsets", "n_channels", "t_end", "_trains"):
            setattr(trains, name, getattr(self, name))
        trains.currents, trains._injected = tuple(currents), None
        return trains

    def _stimuli(self, ranges: Ranges) -> _core.Trains:
        """What goes into a network whose populations are these ranges of its neurons."""
        if not self.currents:
            return self._trains
        if self._injected is None or self._injected[0] != ranges:
            injected = self._trains.with_currents(injections(self.currents, ranges, len(self)))
            self._injected = ranges, injected
        return self._injected[1]

    def to_lists(self) -> list[list[list[float]]]:
        """The times of each channel in each sample, in seconds and in order: what `from_lists` takes."""
        samples = []
        for a, b in zip(self.offsets[:-1], self.offsets[1:], strict=True):
            times, channels = self.times[a:b], self.channels[a:b]
            samples.append([sorted(times[channels == c].tolist()) for c in range(self.n_channels)])
        return samples

    def to_raster(self, *, dt: float) -> Indices:
        """Numbers of spikes in steps of `dt` seconds, shape (samples, steps, channels): a spike counts for the step that it is nearest to."""
        dt = _seconds("dt", dt)
        if dt == 0.0:
            raise InputError("dt is 0.0; it must be a positive time in seconds", "dt")
        steps = int(np.rint(self.t_end / dt)) + 1
        raster = np.zeros((len(self), steps, self.n_channels), np.int64)
        at = np.rint(self.times / dt).astype(np.int64)
        np.add.at(raster, (self.samples, at, self.channels), 1)
        return raster

    @property
    def samples(self) -> Indices:
        """The sample of each spike: int64, shape (spikes,)."""
        return np.repeat(np.arange(len(self)), self.offsets[1:] - self.offsets[:-1])

    def __len__(self) -> int:
        """The number of samples."""
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, key: int) -> SpikeTrains: ...
    @overload
    def __getitem__(self, key: slice | Sequence[int] | Indices) -> SpikeTrains: ...
    def __getitem__(self, key: int | slice | Sequence[int] | Indices) -> SpikeTrains:
        """One sample, a slice of them, or those at some positions: spike trains again. Raises `IndexError` for a sample that there is not."""
        chosen = np.atleast_1d(np.arange(len(self))[key])
        starts, ends = self.offsets[chosen], self.offsets[chosen + 1]
        spikes = [np.arange(a, b) for a, b in zip(starts, ends, strict=True)]
        at = np.concatenate([np.empty(0, np.int64), *spikes])
        offsets = np.concatenate([[0], np.cumsum(ends - starts)])
        trains = SpikeTrains(
            self.times[at], self.channels[at], offsets, n_channels=self.n_channels, t_end=self.t_end
        )
        return trains._with([current.among(chosen, len(self)) for current in self.currents])

    def __iter__(self) -> Iterator[SpikeTrains]:
        """The samples, one by one: spike trains of one sample each."""
        return (self[k] for k in range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SpikeTrains):
            return NotImplemented
        numbers = ("n_channels", "t_end", "currents")
        same = all(getattr(self, a) == getattr(other, a) for a in numbers)
        arrays = ("times", "channels", "offsets")
        return same and all(np.array_equal(getattr(self, a), getattr(other, a)) for a in arrays)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return _spike_trains, (self.times, self.channels, self.offsets, self.n_channels, self.t_end, self.currents)

    def __repr__(self) -> str:
        currents = f"{len(self.currents)} currents, " if self.currents else ""
        return (
            f"SpikeTrains({len(self)} samples, {self.n_channels} channels, {len(self.times)} spikes, "
            f"{currents}t_end={self.t_end} s)"
        )


def _spike_trains(
    times: Array, channels: Indices, offsets: Indices, n_channels: int, t_end: float, currents: tuple[Current, ...] = ()
) -> SpikeTrains:
    return SpikeTrains(times, channels, offsets, n_channels=n_channels, t_end=t_end)._with(currents)


def _count(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise DtypeError(f"{name} is {value!r}; it must be a whole number", name)
    if not 0 <= value < 2**31:
        raise InputError(f"{name} is {value}; it must be a whole number from 0 on, below 2^31", name)
    return int(value)


def _seconds(name: str, value: float) -> float:
    seconds = _core.floats(name, value)
    if seconds.shape != ():
        raise InputError(f"{name} has the shape {seconds.shape}; it must be one time in seconds", name)
    time = float(seconds)
    if not 0.0 <= time < float("inf"):
        raise InputError(f"{name} is {time}; it must be a time in seconds, 0 or more", name)
    return time
