"""What a network did, and what derivatives are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _core
from ._currents import CurrentGradient
from ._errors import InputError
from ._injections import gradients
from ._spikes import SpikeTrains
from ._types import Array, ArrayLike, Indices

if TYPE_CHECKING:
    from ._network import Network
    from ._parts import Slot


@dataclass(frozen=True)
class Record:
    """What a run reads of the potentials of a population: made by `sample`, `maximum` and `mean`.

    Attributes:
        population: the name of the population
        measure: "sample", "maximum" or "mean"
        times: when a sample is taken, in seconds
        tau: the time constant of a weighted mean, in seconds; None for a plain one
    """

    population: str
    measure: str
    times: tuple[float, ...] = ()
    tau: float | None = None


def sample(population: str, times: ArrayLike) -> Record:
    """Record the potentials of a population at `times`, in seconds: shape (samples, neurons, times).

    A time outside of the run is an error when the network is run.
    """
    return Record(population, "sample", tuple(_core.floats("times", times).reshape(-1).tolist()))


def maximum(population: str) -> Record:
    """Record the maximum of each potential over the run: shape (samples, neurons). Of a neuron that spikes it is the threshold."""
    return Record(population, "maximum")


def mean(population: str, *, tau: float | None = None) -> Record:
    """Record the time average of each potential V, or with `tau` (in seconds) that of e^(−t/tau) V: shape (samples, neurons)."""
    return Record(population, "mean", tau=tau)


def requests(network: Network, record: Sequence[Record]) -> tuple[Indices, Indices, Array]:
    """Neuron, measure and number of each read-out, as the compiled part reads them."""
    neurons: list[Indices] = [np.empty(0, np.int64)]
    measures: list[Indices] = [np.empty(0, np.int64)]
    numbers: list[Array] = [np.empty(0)]
    for each in record:
        if not isinstance(each, Record):
            raise InputError(f"record has a {type(each).__name__}; it must have sample(), maximum() or mean()", "record")
        of = np.array(network.range(each.population), np.int64)
        if each.measure == "sample":
            kind, at = 0, np.array(each.times)
        elif each.measure == "maximum":
            kind, at = 1, np.zeros(1)
        else:
            kind, at = (2, np.zeros(1)) if each.tau is None else (3, np.array([each.tau], np.float64))
        neurons.append(np.repeat(of, len(at)))
        measures.append(np.full(len(of) * len(at), kind, np.int64))
        numbers.append(np.tile(at, len(of)))
    return np.concatenate(neurons), np.concatenate(measures), np.concatenate(numbers)


class Gradient(Mapping[str, Array]):
    """The derivatives with respect to the values of a network: a mapping from their names to arrays, each of the shape of its value.

    They are per unit of the value: per second for delays and time constants, per unit of current for weights and biases.

    Attributes:
        flat: all of them one after another: float64, shape (n,)
        input_times: derivatives with respect to the input times: float64, in the order of `trains.times`
        currents: derivatives with respect to the numbers of each of `trains.currents`, in the shapes of these numbers
        losses: the loss of each sample: float64, shape (samples,); None if there is none
    """

    def __init__(
        self,
        flat: Array,
        slots: Mapping[str, Slot],
        *,
        input_times: Array,
        currents: tuple[CurrentGradient, ...] = (),
        losses: Array | None = None,
    ) -> None:
        self.flat = flat
        self.input_times = input_times
        self.currents = currents
        self.losses = losses
        self._slots = dict(slots)

    def __getitem__(self, name: str) -> Array:
        """The derivatives with respect to one value: a view of `flat`. Raises `KeyError` for a name that there is not."""
        slot = self._slots[name]
        return self.flat[slot.slice].reshape(slot.shape)

    def __iter__(self) -> Iterator[str]:
        """The names of the values, in the order of `flat`."""
        return iter(self._slots)

    def __len__(self) -> int:
        """The number of values that have a name."""
        return len(self._slots)

    def __repr__(self) -> str:
        return f"Gradient({len(self.flat)} numbers: {', '.join(self._slots)})"


class Run:
    """What happened in each sample, and the way back from the derivatives of any loss of it. `Network.run` makes one.

    Attributes:
        network, trains: what was run; a run keeps the values that the network had
        record: what was recorded
        spikes: for each population the spikes of its neurons in seconds, as `SpikeTrains`
        readouts: for each entry of `record` a float64 array of potentials, shape (samples, neurons) or (samples, neurons, times)
    """

    def __init__(
        self, network: Network, trains: SpikeTrains, run: _core.Run, record: Sequence[Record]
    ) -> None:
        self.network = network
        self.trains = trains
        self.record = tuple(record)
        self._run = run
        self._slots = network.slots
        self._ranges = network._ranges
        offsets, self._times, neurons = run.spikes()
        self._neurons = neurons.astype(np.int64)
        self._samples = np.repeat(np.arange(len(trains)), offsets[1:].astype(np.int64) - offsets[:-1].astype(np.int64))
        self._positions = {
            name: np.nonzero((self._neurons >= of.start) & (self._neurons < of.stop))[0]
            for name, of in self._ranges.items()
        }
        self.spikes: dict[str, SpikeTrains] = {}
        for name, of in self._ranges.items():
            at = self._positions[name]
            ends = np.searchsorted(self._samples[at], np.arange(len(trains) + 1))
            channels = self._neurons[at] - of.start
            self.spikes[name] = SpikeTrains(
                self._times[at], channels, ends, n_channels=len(of), t_end=trains.t_end
            )
        table = run.readouts()
        self.readouts: list[Array] = []
        self._columns: list[slice] = []
        first = 0
        for each in record:
            size = len(self._ranges[each.population])
            shape = (len(trains), size, len(each.times)) if each.measure == "sample" else (len(trains), size)
            columns = slice(first, first + int(np.prod(shape[1:])))
            first = columns.stop
            self._columns.append(columns)
            self.readouts.append(table[:, columns].reshape(shape))
        self._table_shape = table.shape

    def counts(self, population: str) -> Indices:
        """The number of spikes of each neuron: int64, shape (samples, neurons)."""
        trains = self._known(population)
        counts = np.zeros((len(trains), trains.n_channels), np.int64)
        np.add.at(counts, (trains.samples, trains.channels), 1)
        return counts

    def spike_times(self, population: str, *, missing: float = np.inf) -> Array:
        """The spike times of each neuron in order, in seconds, padded with `missing`: float64, shape (samples, neurons, most spikes)."""
        trains = self._known(population)
        padded = np.full((*self.counts(population).shape, self._most(population)), missing)
        padded[trains.samples, trains.channels, self._ranks(population)] = trains.times
        return padded

    def _most(self, population: str) -> int:
        return int(self.counts(population).max(initial=0))

    def _ranks(self, population: str) -> Indices:
        """Which spike of its neuron each spike is, counted from 0."""
        trains = self.spikes[population]
        neuron = trains.samples * max(trains.n_channels, 1) + trains.channels
        order = np.argsort(neuron, kind="stable")
        ranks = np.empty(len(order), np.int64)
        of = neuron[order]
        starts = np.searchsorted(of, of)
        ranks[order] = np.arange(len(of)) - starts
        return ranks

    def first_spikes(self, population: str, *, missing: float = np.inf) -> Array:
        """The first spike time of each neuron in seconds, or `missing` where it is silent: float64, shape (samples, neurons)."""
        trains = self._known(population)
        first = np.full((len(trains), trains.n_channels), missing)
        is_first = self._ranks(population) == 0
        first[trains.samples[is_first], trains.channels[is_first]] = trains.times[is_first]
        return first

    def _cotangents(
        self,
        spikes: Mapping[str, ArrayLike] | None,
        first_spikes: Mapping[str, ArrayLike] | None,
        readouts: Sequence[ArrayLike | None] | None,
    ) -> tuple[Array, Array]:
        of_spikes = np.zeros_like(self._times)
        of_readouts = np.zeros(self._table_shape)
        for name, value in (spikes or {}).items():
            array = self._of(f"spikes[{name!r}]", value, self._known(name).times.shape)
            of_spikes[self._positions[name]] += array
        for name, value in (first_spikes or {}).items():
            trains = self._known(name)
            array = self._of(f"first_spikes[{name!r}]", value, (len(trains), trains.n_channels), finite=False)
            is_first = self._ranks(name) == 0
            at = self._positions[name][is_first]
            of_spikes[at] += array[trains.samples[is_first], trains.channels[is_first]]
        given = [] if readouts is None else list(readouts)
        if len(given) not in (0, len(self.readouts)):
            raise InputError(f"readouts has {len(given)} entries; the run recorded {len(self.readouts)}", "readouts")
        for k, derivative in enumerate(given):
            if derivative is not None:
                array = self._of(f"readouts[{k}]", derivative, self.readouts[k].shape)
                of_readouts[:, self._columns[k]] = array.reshape(len(self.trains), -1)
        return of_spikes, of_readouts

    def _known(self, population: str) -> SpikeTrains:
        if population not in self.spikes:
            raise InputError(f"there is no population {population!r}; there are {', '.join(self.spikes)}", "population")
        return self.spikes[population]

    @staticmethod
    def _of(name: str, value: ArrayLike, shape: tuple[int, ...], finite: bool = True) -> Array:
        array = _core.floats(name, value)
        if array.shape != shape:
            raise InputError(f"{name} has the shape {array.shape}; it must have {shape}", name)
        if finite and not np.isfinite(array).all():
            raise InputError(f"{name} must be finite everywhere", name)
        return array

    def backward(
        self,
        spikes: Mapping[str, ArrayLike] | None = None,
        *,
        first_spikes: Mapping[str, ArrayLike] | None = None,
        readouts: Sequence[ArrayLike | None] | None = None,
    ) -> Gradient:
        """The gradient of a loss L with these derivatives with respect to what happened, summed over the samples.

        `spikes` maps populations to ∂L/∂t, per second, of each of `run.spikes[population].times`, shape (spikes,); `first_spikes` maps them to
        ∂L/∂t of each first spike, shape (samples, neurons), in which the entries of silent neurons are ignored; `readouts` lists ∂L/∂V in the
        shapes of `run.readouts`, or None for one that L does not read. The result has the derivatives with respect to all values of the
        network, to `input_times` and to the numbers of `currents`.

        Raises `InputError` for a shape that does not fit, and `GradientError` where there is no gradient.
        """
        flat, times, numbers = self._run.backward(*self._cotangents(spikes, first_spikes, readouts))
        return Gradient(flat, self._slots, input_times=times, currents=gradients(self.trains.currents, numbers))

    def certificates(
        self,
        spikes: Mapping[str, ArrayLike] | None = None,
        *,
        first_spikes: Mapping[str, ArrayLike] | None = None,
        readouts: Sequence[ArrayLike | None] | None = None,
    ) -> list[dict[str, Any]]:
        """How far the gradient of each sample can be trusted: a dict for each sample; arguments are those of `backward`.

        `smallest_slope` is dV/dt, per second, of the crossing that was slowest, with its neuron and time; `ties` counts coincidences at which a
        derivative is one-sided; `touches` potentials that reached the threshold and did not cross it; `inexact` where a policy (`grazing`)
        acted; `spikes` and `arrivals` count events. The guide says how to read them.
        """
        text = self._run.certificates(*self._cotangents(spikes, first_spikes, readouts))
        found: list[dict[str, Any]] = json.loads(text)
        return found

    def __len__(self) -> int:
        """The number of samples."""
        return len(self.trains)

    def __repr__(self) -> str:
        spikes = ", ".join(f"{name}: {len(trains.times)} spikes" for name, trains in self.spikes.items())
        return f"Run({len(self)} samples, {spikes}, {len(self.readouts)} read-outs)"
