"""Networks of other tools, which go in time steps, in continuous time.

`leaky`, `synaptic` and `norse_lif` say what the numbers of a neuron in time steps are in continuous time, and `from_snntorch` makes a network of
snnTorch layers. Nothing is imported from these tools: layers are read by their attributes.

A spike in step n stands for a spike at n·dt, and what a tool has after step n for the state at (n + 1)·dt; of neurons whose potential an arrival moves at
once for the state at n·dt, after the arrival. There the potential of a neuron that does not spike is the same in both, to rounding. What
differs is what a step does to a spike: it moves it to the grid, and lets the potential overshoot the threshold before it is reset.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from . import _core
from ._errors import InputError
from ._network import Network
from ._types import Array, ArrayLike

__all__ = ["Neuron", "from_snntorch", "leaky", "norse_lif", "synaptic"]


@dataclass(frozen=True)
class Neuron:
    """A neuron in continuous time.

    Attributes:
        model: `lif_delta` or `lif`; `li` where nothing resets
        tau_mem: its membrane time constant in seconds, one or one for each neuron
        tau_syn: the same of its synapses; None if an arrival moves the potential at once
        weight: what a weight of 1 in time steps is in continuous time
    """

    model: str
    tau_mem: Array
    tau_syn: Array | None
    weight: Array


def leaky(beta: ArrayLike, dt: float) -> Neuron:
    """snnTorch's `Leaky`: mem ← beta·mem + input in each step of `dt` seconds. An input spike moves the potential by its weight at once."""
    return Neuron("lif_delta", _tau("beta", beta, dt), None, np.ones_like(_core.floats("beta", beta)))


def synaptic(alpha: ArrayLike, beta: ArrayLike, dt: float) -> Neuron:
    """snnTorch's `Synaptic`: syn ← alpha·syn + input, then mem ← beta·mem + syn, in each step of `dt` seconds.

    A spike of weight w leaves w (beta^n − alpha^n)/(beta − alpha) in the potential after n steps; a current that jumps by W leaves
    W tau_syn/(tau_mem − tau_syn) (e^(−t/tau_mem) − e^(−t/tau_syn)). These are equal at t = n·dt for one W.
    """
    tau_mem, tau_syn = _tau("beta", beta, dt), _tau("alpha", alpha, dt)
    return Neuron("lif", tau_mem, tau_syn, 1.0 / _per_step(tau_mem, tau_syn, dt))


def norse_lif(tau_mem_inv: ArrayLike, tau_syn_inv: ArrayLike, dt: float) -> Neuron:
    """norse's `LIFCell`: Euler steps of `dt` seconds with these rates per second; after a step an input moves the current by its weight.

    The time constants of what norse computes are −dt/ln(1 − dt·rate), a little below 1/rate: these are given. An input spike of step n
    acts from (n + 1)·dt on.
    """
    rates = {name: _core.floats(name, rate) for name, rate in (("tau_mem_inv", tau_mem_inv), ("tau_syn_inv", tau_syn_inv))}
    for name, rate in rates.items():
        if not ((rate > 0) & (rate * dt < 1)).all():
            raise InputError(f"{name} times dt must be above 0 and below 1, so that a step decays", name)
    beta, alpha = 1.0 - dt * rates["tau_mem_inv"], 1.0 - dt * rates["tau_syn_inv"]
    tau_mem, tau_syn = _tau("tau_mem_inv", beta, dt), _tau("tau_syn_inv", alpha, dt)
    return Neuron("lif", tau_mem, tau_syn, dt * rates["tau_mem_inv"] / _per_step(tau_mem, tau_syn, dt))


def from_snntorch(layers: Iterable[Any], *, dt: float, inputs: int | None = None) -> Network:
    """A network of snnTorch layers: `Linear`, then `Leaky` or `Synaptic`, and so on, in order.

    >>> network = spikegrad.convert.from_snntorch([net.fc1, net.lif1, net.fc2, net.lif2], dt=1e-3)

    Populations are called layer0, layer1, …; `dt` is the step in seconds that the layers were trained with. A bias of a `Linear` is a
    constant input in each step. Layers that reset by subtraction are read where a spike happens by motion, for there nothing is left
    when the threshold is taken from a potential that has just come to it; a `Leaky` jumps over its threshold, and must reset to zero.
    A last `Synaptic` that does not reset is read as a leaky integrator, `li`: it has its potential, and no spikes.
    """
    dt = _step(dt)
    pairs = list(layers)
    if len(pairs) % 2 or not pairs:
        raise InputError("layers must be pairs of a Linear and a neuron, in order", "layers")
    network, before = None, "input"
    for k, (linear, cell) in enumerate(zip(pairs[::2], pairs[1::2], strict=True)):
        name = f"layer{k}"
        if not hasattr(linear, "weight"):
            raise InputError(f"layers[{2 * k}] is a {type(linear).__name__}; it must be a Linear", "layers")
        weights = _array(linear.weight)
        if weights.ndim != 2:
            raise InputError(f"layers[{2 * k}] has weights of shape {weights.shape}; only a Linear is read", "layers")
        network = network or Network(inputs if inputs is not None else weights.shape[1])
        neuron = _cell(cell, 2 * k + 1, dt)
        values: dict[str, Any] = {"tau_mem": neuron.tau_mem}
        if neuron.model != "li":
            values |= {"v_th": _array(cell.threshold), "v_reset": 0.0, "t_ref": 0.0}
        elif 2 * k + 2 < len(pairs):
            raise InputError(f"layers[{2 * k + 1}] does not reset; only a last layer may, whose spikes nobody hears", "layers")
        initial: dict[str, Any] = {}
        bias = getattr(linear, "bias", None)
        size = weights.shape[0]
        if neuron.tau_syn is not None:
            values["tau_syn"] = neuron.tau_syn
        if bias is not None:
            drive = np.broadcast_to(_array(bias), (size,))
            values["i_bias"], initial = _constant(neuron, drive, dt)
        network.population(name, size, neuron.model, initial=initial, **values)
        scale = np.broadcast_to(neuron.weight, (size,))
        network.connect(before, name, scale[:, None] * weights)
        before = name
    assert network is not None
    return network


def _cell(cell: Any, position: int, dt: float) -> Neuron:
    kind = type(cell).__name__
    # Alpha, Lapicque and StateLeaky have factors of these names, too, and do something else with them.
    if not hasattr(cell, "beta") or any(hasattr(cell, name) for name in ("syn_exc", "R", "tau")):
        raise InputError(f"layers[{position}] is a {kind}; it must be a Leaky or a Synaptic", "layers")
    if hasattr(cell, "V") or hasattr(cell, "recurrent"):
        raise InputError(f"layers[{position}] is a {kind}, which hears itself; add that connection by hand", "layers")
    if getattr(cell, "inhibition", False):
        raise InputError(f"layers[{position}] has inhibition, by which one neuron a step spikes; that is not read", "layers")
    if not (_array(getattr(cell, "graded_spikes_factor", 1.0)) == 1.0).all():
        raise InputError(f"layers[{position}] scales its spikes; multiply the weights that hear them instead", "layers")
    is_leaky = not hasattr(cell, "alpha")
    neuron = leaky(_array(cell.beta), dt) if is_leaky else synaptic(_array(cell.alpha), _array(cell.beta), dt)
    allowed = ("zero",) if is_leaky else ("zero", "subtract", "none")
    mechanism = getattr(cell, "reset_mechanism", "subtract")
    if mechanism not in allowed:
        raise InputError(
            f"layers[{position}], a {kind}, resets by {mechanism!r}; it must be one of {', '.join(allowed)}", "layers"
        )
    return replace(neuron, model="li") if mechanism == "none" else neuron


def _constant(neuron: Neuron, drive: Array, dt: float) -> tuple[Array, dict[str, Array]]:
    """The bias that does what `drive` does in each step, and the state at time 0 that goes with it.

    A synapse is charged by a constant from the first step on, and by what it was not charged with before it misses a current at time 0.
    """
    if neuron.tau_syn is None:
        return drive / -np.expm1(-dt / neuron.tau_mem), {"v": drive}
    decays = -np.expm1(-dt / neuron.tau_syn)
    missing = drive * np.exp(-dt / neuron.tau_syn) / (decays * _per_step(neuron.tau_mem, neuron.tau_syn, dt))
    return drive / (decays * -np.expm1(-dt / neuron.tau_mem)), {"i": -missing}


def _per_step(tau_mem: Array, tau_syn: Array, dt: float) -> Array:
    """What a unit current leaves in the membrane after one step, beside the same for a step of `Synaptic`: tau_syn (beta − alpha)/(tau_mem − tau_syn)."""
    rate = 1.0 / tau_syn - 1.0 / tau_mem
    x = -rate * dt
    # (1 − e^x)/rate, which is dt where the time constants meet.
    small = np.where(x == 0.0, 1.0, x)
    area = np.where(x == 0.0, dt, dt * np.expm1(small) / small)
    return np.exp(-dt / tau_mem) * area / tau_mem


def _tau(name: str, factor: ArrayLike, dt: float) -> Array:
    dt = _step(dt)
    array = _core.floats(name, factor)
    if not ((array > 0) & (array < 1)).all():
        raise InputError(f"{name} must be above 0 and below 1, the factor by which a step decays", name)
    return np.asarray(-dt / np.log(array))


def _step(dt: float) -> float:
    if not (isinstance(dt, int | float) and math.isfinite(dt) and dt > 0):
        raise InputError(f"dt is {dt!r}; it must be a step in seconds, above 0", "dt")
    return float(dt)


def _array(value: Any) -> Array:
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    return _core.floats("value", np.asarray(value, np.float64))
