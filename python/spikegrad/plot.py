"""Pictures with matplotlib: `pip install spikegrad[plot]`. Each function draws on `ax`, or on a new figure, and returns the axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ._evaluate import Run, sample
from ._network import Network
from ._spikes import SpikeTrains
from ._types import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ._trainer import Trainer

__all__ = ["learning_curves", "raster", "voltages"]


def _axes(ax: Axes | None) -> Axes:
    import matplotlib.pyplot as plt

    return plt.subplots()[1] if ax is None else ax


def raster(what: Run | SpikeTrains, *, sample: int = 0, ax: Axes | None = None, **style: Any) -> Axes:
    """The spikes of one sample, a tick for each, over the time in ms: of a run, population above population, or of spike trains.

    `style` goes to `Axes.plot`.
    """
    ax = _axes(ax)
    trains = what.spikes if isinstance(what, Run) else {"": what}
    first, ticks = 0, []
    for name, of in trains.items():
        one = of[sample]
        ax.plot(one.times * 1e3, first + one.channels, "|", label=name or None, **style)
        ticks.append((first + (of.n_channels - 1) / 2, name))
        first += of.n_channels
        if first and len(trains) > 1:
            ax.axhline(first - 0.5, color="0.8", linewidth=0.5)
    if len(trains) > 1:
        ax.set_yticks([at for at, _ in ticks], [name for _, name in ticks])
    else:
        ax.set_ylabel("channel")
    t_end = next(iter(trains.values())).t_end if trains else 0.0
    ax.set(xlabel="time (ms)", xlim=(0, t_end * 1e3 or 1), ylim=(-0.5, max(first, 1) - 0.5))
    return ax


def voltages(
    network: Network,
    trains: SpikeTrains,
    population: str,
    *,
    neurons: Sequence[int] | None = None,
    sample: int = 0,
    points: int = 1001,
    ax: Axes | None = None,
    **style: Any,
) -> Axes:
    """The membrane potentials of a population in one sample over the time in ms, each read exactly at `points` times.

    `neurons` are positions within the population; all are drawn if it is left out. `style` goes to `Axes.plot`.
    """
    ax = _axes(ax)
    one = trains[sample]
    times = np.linspace(0.0, one.t_end, points)
    potentials = network.run(one, record=[_sample(population, times)]).readouts[0][0]
    for neuron in range(len(potentials)) if neurons is None else neurons:
        ax.plot(times * 1e3, potentials[neuron], label=f"{population}[{neuron}]", **style)
    ax.set(xlabel="time (ms)", ylabel="membrane potential", xlim=(0, one.t_end * 1e3 or 1))
    return ax


_sample = sample


def learning_curves(
    history: Trainer | Mapping[str, ArrayLike],
    *,
    quantities: Sequence[str] = ("train_loss", "validation_loss", "test_loss"),
    ax: Axes | None = None,
    **style: Any,
) -> Axes:
    """Quantities of a training run over its epochs, on a logarithmic axis; those that are nowhere known are left out.

    `history` is a trainer, or maps names to arrays of shape (epochs,). `style` goes to `Axes.plot`. Raises `KeyError` for a quantity that there is not.
    """
    ax = _axes(ax)
    curves = history if isinstance(history, Mapping) else history.history
    for name in quantities:
        curve = np.asarray(curves[name], np.float64)
        if np.isfinite(curve).any():
            ax.plot(np.arange(1, len(curve) + 1), curve, label=name.replace("_", " "), **style)
    ax.set(xlabel="epoch", yscale="log")
    ax.legend()
    return ax
