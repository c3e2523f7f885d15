"""The currents of a batch as the compiled part reads them: which numbers go into which neurons of a network, in which samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _core
from ._currents import Current, CurrentGradient
from ._errors import InputError
from ._types import Array, ArrayLike, Indices, Ranges


@dataclass(frozen=True)
class Injections:
    """What the compiled part reads: all waveforms one after another, and sets of currents, one for each sample.

    Attributes:
        numbers: of each waveform its times, or start and interval, and then its values
        offsets, sampled: where the numbers of each waveform begin, and whether it has a start and an interval
        set_of, set_offsets: which set of currents each sample has, and where the currents of each set begin
        waveforms, neuron_offsets: which waveform each current has, and where its neurons begin
        neurons: positions among all neurons of the network
    """

    numbers: Array
    offsets: Indices
    sampled: Indices
    set_of: Indices
    set_offsets: Indices
    waveforms: Indices
    neuron_offsets: Indices
    neurons: Indices


def injections(currents: Sequence[Current], ranges: Ranges, samples: int) -> Injections:
    """The currents of a batch of `samples`, for a network whose populations are these `ranges` of its neurons."""
    targets = [_targets(f"currents[{k}]", current, ranges) for k, current in enumerate(currents)]
    blocks = [current.waveforms(current.values, current.heads) for current in currents]
    counts = [int(np.prod(current.grid)) for current in currents]
    first = np.cumsum([0, *counts])
    # Samples with the same rows of waveforms have the same set.
    rows = np.stack([current.rows(samples) for current in currents], axis=1)
    sets, set_of = np.unique(rows, axis=0, return_inverse=True)
    waveforms: list[Indices] = []
    neurons: list[Indices] = []
    sizes: list[Indices] = []
    set_sizes = [0]
    for of_set in sets:
        size = 0
        for k, row in enumerate(of_set):
            if row < 0:
                continue
            width = currents[k].grid[1]
            waveforms.append(first[k] + row * width + np.arange(width))
            neurons.append(targets[k])
            sizes.append(np.array([len(targets[k])]) if width == 1 else np.ones(width, np.int64))
            size += width
        set_sizes.append(size)
    return Injections(
        np.concatenate([block.reshape(-1) for block in blocks]),
        np.cumsum(np.concatenate([[0], *(np.full(n, b.shape[-1]) for n, b in zip(counts, blocks, strict=True))])),
        np.concatenate([np.full(n, current.times is None, np.int64) for n, current in zip(counts, currents, strict=True)]),
        set_of.reshape(-1),
        np.cumsum(set_sizes),
        _joined(waveforms),
        np.cumsum(_joined([np.zeros(1, np.int64), *sizes])),
        _joined(neurons),
    )


def _joined(parts: Sequence[Indices]) -> Indices:
    return np.concatenate([np.empty(0, np.int64), *parts])


def _targets(place: str, current: Current, ranges: Ranges) -> Indices:
    """The neurons that a current goes into, as positions among all neurons."""
    name = current.population
    if name not in ranges:
        raise InputError(f"{place}.population is {name!r}; there are {', '.join(ranges)}", f"{place}.population")
    of = ranges[name]
    neurons = np.arange(len(of)) if current.neurons is None else current.neurons
    if (neurons >= len(of)).any():
        raise InputError(
            f"{place}.neurons names {neurons.max()}; {name!r} has {len(of)} neurons, counted from 0", f"{place}.neurons"
        )
    if current.grid[1] not in (1, len(neurons)):
        raise InputError(
            f"{place}.values is for {current.grid[1]} neurons; the current goes into {len(neurons)} of {name!r}",
            f"{place}.values",
        )
    return of.start + neurons


def gradients(currents: Sequence[Current], numbers: Array) -> tuple[CurrentGradient, ...]:
    """Derivatives by all numbers, in the order of `Injections.numbers`, as those by each current."""
    found = []
    first = 0
    for current in currents:
        shape = (*current.grid, current.heads.shape[-1] + current.values.shape[-1])
        end = first + int(np.prod(shape))
        block = numbers[first:end].reshape(shape)
        first = end
        count = current.heads.shape[-1]
        heads, values = _summed(block[..., :count], current.heads.shape), _summed(block[..., count:], current.values.shape)
        if current.times is None:
            found.append(CurrentGradient(values, None, float(heads[0]), float(heads[1])))
        else:
            found.append(CurrentGradient(values, heads))
    return tuple(found)


def _summed(block: Array, shape: tuple[int, ...]) -> Array:
    """The sum over the samples and neurons that share a number."""
    padded = (1,) * (3 - len(shape)) + shape
    shared = tuple(axis for axis in (0, 1) if padded[axis] == 1)
    summed: Array = block.sum(axis=shared, keepdims=True).reshape(shape)
    return summed


def along(currents: Sequence[Current], direction: Mapping[str, ArrayLike]) -> Array:
    """A direction, which names numbers `currents/0/values` and so on, in the order of `Injections.numbers`; what is missing is 0."""
    parts = [(np.zeros_like(current.values), np.zeros_like(current.heads)) for current in currents]
    places = {
        f"currents/{k}/{quantity}": place
        for k, (current, part) in enumerate(zip(currents, parts, strict=True))
        for quantity, place in _places(current, *part).items()
    }
    for name, value in direction.items():
        if name not in places:
            known = ", ".join(places) or "none"
            raise InputError(f"direction names {name!r}; the numbers of injected currents are {known}", "direction")
        array = _core.floats(f"direction[{name!r}]", value)
        if array.shape != places[name].shape:
            raise InputError(f"direction[{name!r}] has the shape {array.shape}; it must have {places[name].shape}", "direction")
        places[name][...] = array
    blocks = [current.waveforms(*part).reshape(-1) for current, part in zip(currents, parts, strict=True)]
    return np.concatenate([np.empty(0), *blocks])


def _places(current: Current, values: Array, heads: Array) -> dict[str, Array]:
    """Views of such numbers by the names that the current has for them."""
    if current.times is None:
        return {"values": values, "start": heads[0, ...], "interval": heads[1, ...]}
    return {"values": values, "times": heads}


def documents(currents: Sequence[Current], ranges: Ranges, samples: int, sample: int) -> list[dict[str, Any]]:
    """The currents of one sample as a problem file states them, in the order in which they are injected."""
    stated: list[dict[str, Any]] = []
    for k, current in enumerate(currents):
        neurons = _targets(f"currents[{k}]", current, ranges)
        row = current.rows(samples)[sample]
        if row < 0:
            continue
        neurons = neurons - ranges[current.population].start
        waveforms = current.waveforms(current.values, current.heads)[row]
        groups = [neurons] if len(waveforms) == 1 else list(neurons.reshape(-1, 1))
        for waveform, group in zip(waveforms, groups, strict=True):
            head, values = np.split(waveform, [current.heads.shape[-1]])
            times = {"times": head.tolist()} if current.times is not None else dict(zip(("start", "interval"), head.tolist(), strict=True))
            stated.append({"to": current.population, "neurons": group.tolist(), **times, "values": values.tolist()})
    return stated
