"""What goes in time steps elsewhere is the same here at the times of the grid."""

from __future__ import annotations

import types
from typing import Any

import numpy as np
import pytest

import spikegrad
from spikegrad import convert

STEPS = 60
DT = 1e-3
# Powers of factors and exponentials of times differ by some roundings a step.
ROUNDING = 1e-12


def recurrence(alpha: float | None, beta: float, inputs: np.ndarray) -> np.ndarray:
    """The potential of snnTorch's cells after each step, below the threshold."""
    syn = mem = 0.0
    after = []
    for x in inputs:
        syn = x if alpha is None else alpha * syn + x
        mem = beta * mem + syn
        after.append(mem)
    return np.array(after)


def cell(beta: float, alpha: float | None = None, threshold: float = 1.0, reset: str = "zero") -> types.SimpleNamespace:
    parts = {"beta": np.array(beta), "threshold": np.array(threshold), "reset_mechanism": reset}
    return types.SimpleNamespace(**parts, **({} if alpha is None else {"alpha": np.array(alpha)}))


def linear(weight: np.ndarray, bias: np.ndarray | None = None) -> types.SimpleNamespace:
    return types.SimpleNamespace(weight=weight, bias=bias)


@pytest.mark.parametrize(("alpha", "beta"), [(0.8, 0.9), (0.9, 0.8), (0.85, 0.85), (0.5, 0.999), (None, 0.9)])
@pytest.mark.parametrize("bias", [0.0, 0.01])
def test_a_silent_neuron_has_the_potential_of_the_grid(alpha: float | None, beta: float, bias: float) -> None:
    rng = np.random.default_rng(0)
    spikes = rng.random((STEPS, 3)) < 0.2
    weights = rng.normal(0, 0.05, (1, 3))
    layers = [linear(weights, np.array([bias])), cell(beta, alpha, threshold=10.0)]
    network = convert.from_snntorch(layers, dt=DT)
    step, channel = np.nonzero(spikes)
    end = (STEPS + 1) * DT
    trains = spikegrad.SpikeTrains(step * DT, channel, [0, len(step)], n_channels=3, t_end=end)
    # A sample at the time of an arrival is the potential before it.
    at = np.nextafter(np.arange(STEPS) * DT, 1.0) if alpha is None else np.arange(1, STEPS + 1) * DT
    run = network.run(trains, record=[spikegrad.sample("layer0", at)])
    expected = recurrence(alpha, beta, spikes @ weights[0] + bias)
    found = run.readouts[0][0, 0]
    assert np.abs(found - expected).max() <= ROUNDING * np.abs(expected).max()


def test_time_constants_are_those_of_the_factors() -> None:
    neuron = convert.synaptic(np.exp(-DT / 0.005), np.exp(-DT / 0.02), DT)
    assert neuron.tau_syn == pytest.approx(0.005, rel=1e-13)
    assert neuron.tau_mem == pytest.approx(0.02, rel=1e-13)
    assert convert.leaky(np.exp(-DT / 0.02), DT).tau_mem == pytest.approx(0.02, rel=1e-13)


def test_a_norse_cell_has_the_potential_of_its_steps() -> None:
    mem_inv, syn_inv, weight = 50.0, 200.0, 0.3
    neuron = convert.norse_lif(mem_inv, syn_inv, DT)
    v = i = 0.0
    after = []
    for n in range(STEPS):
        v, i = v + DT * mem_inv * (i - v), i - DT * syn_inv * i + (weight if n == 0 else 0.0)
        after.append(v)
    assert neuron.tau_syn is not None
    t = np.arange(STEPS) * DT
    difference = neuron.tau_mem - neuron.tau_syn
    found = weight * neuron.weight * neuron.tau_syn / difference * (np.exp(-t / neuron.tau_mem) - np.exp(-t / neuron.tau_syn))
    assert np.abs(found - after).max() <= ROUNDING * max(after)


def test_spikes_are_those_of_the_grid_moved_to_where_they_happen() -> None:
    """One neuron with a bias, reset by subtraction: each spike falls into a step at whose end the stepped neuron has spiked, or a step later for each one before."""
    alpha, beta = 0.8, 0.9
    network = convert.from_snntorch([linear(np.zeros((1, 1)), np.array([0.05])), cell(beta, alpha, reset="subtract")], dt=DT)
    trains = spikegrad.SpikeTrains([], [], [0, 0], n_channels=1, t_end=STEPS * DT)
    times = network.run(trains).spikes["layer0"].times
    syn = mem = 0.0
    steps = []
    for n in range(STEPS):
        syn = alpha * syn + 0.05
        mem = beta * mem + syn
        if mem > 1.0:
            steps.append(n)
            mem -= 1.0
    assert len(steps) == len(times) > 3
    assert np.floor(times[0] / DT) == steps[0]
    late = np.abs(times / DT - np.array(steps))
    assert (late <= 1.0 + np.arange(len(steps))).all()


@pytest.mark.parametrize(
    ("layers", "says"),
    [
        ([linear(np.zeros((1, 1)))], "pairs"),
        ([linear(np.zeros((1, 1))), types.SimpleNamespace()], "Leaky or a Synaptic"),
        ([linear(np.zeros((1, 1))), cell(0.9, reset="subtract")], "resets by 'subtract'"),
        ([linear(np.zeros((1, 1))), cell(1.5)], "beta must be above 0 and below 1"),
        ([linear(np.zeros((1, 1, 1, 1))), cell(0.9)], "only a Linear"),
    ],
)
def test_what_cannot_be_read_is_said(layers: list[object], says: str) -> None:
    with pytest.raises(spikegrad.InputError, match=says):
        convert.from_snntorch(layers, dt=DT)


def test_a_trained_snntorch_network_is_read() -> None:
    torch, snntorch = pytest.importorskip("torch"), pytest.importorskip("snntorch")
    torch.manual_seed(0)
    fc, lif = torch.nn.Linear(3, 4), snntorch.Synaptic(alpha=0.8, beta=0.9, reset_mechanism="zero")
    network = convert.from_snntorch([fc, lif], dt=DT)
    assert network.model("layer0") == "lif"
    assert network["layer0/tau_mem"] == pytest.approx(-DT / np.log(0.9), rel=1e-6)


# Of the neurons of snnTorch below, in seconds.
TAU_MEM, TAU_SYN = 0.02, 0.005
# To first order in the step a spike is moved by what moves the potential, over its slope at the threshold; twice that leaves room for the curvature.
SLOPE = 2.0


def in_steps(weights: list[np.ndarray], raster: np.ndarray, dt: float) -> tuple[list[Any], list[list[np.ndarray]]]:
    """Layers of snnTorch whose weights are these in continuous time; and for each layer the spike times of each neuron."""
    torch, snntorch = pytest.importorskip("torch"), pytest.importorskip("snntorch")
    alpha, beta = (torch.tensor(np.exp(-dt / tau)) for tau in (TAU_SYN, TAU_MEM))
    unit = convert.synaptic(alpha, beta, dt).weight
    layers: list[Any] = []
    times: list[list[np.ndarray]] = []
    spikes = torch.from_numpy(raster)
    for matrix in weights:
        linear = torch.nn.Linear(*matrix.shape[::-1], bias=False, dtype=torch.float64)
        cell = snntorch.Synaptic(alpha=alpha, beta=beta)
        state: Any = (None, None)
        after = []
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(matrix / unit))
            for current in linear(spikes.double()):
                spike, *state = cell(current, *state)
                after.append(spike)
        spikes = torch.stack(after)
        layers += [linear, cell]
        times.append([np.flatnonzero(column) * dt for column in spikes.numpy().T])
    return layers, times


def moved_by(
    weights: np.ndarray, heard: list[np.ndarray], moved: list[np.ndarray], times: list[np.ndarray], dt: float
) -> list[np.ndarray]:
    """By how many steps of `dt` or less the spikes of a layer are moved at most, from `times` and what it hears: see the test."""
    found = []
    for row, own in zip(weights, times, strict=True):
        bounds: list[float] = []
        for t in own:
            # What comes within the step may be heard before it, in steps.
            potential = sum(abs(w) * c[s < t + dt].sum() for w, s, c in zip(row, heard, moved, strict=True))
            potential += sum(1.0 + c for c in bounds)
            current = sum(w * np.exp((s[s < t] - t) / TAU_SYN).sum() for w, s in zip(row, heard, strict=True))
            bounds.append(1.0 + SLOPE * potential / (current - 1.0))
        found.append(np.array(bounds))
    return found


def test_spikes_of_snntorch_come_to_ours_in_proportion_to_the_step() -> None:
    """One network in steps that are halved, with neurons that reset by subtraction. A spike at t that is in step n there has been moved by |t − n dt|.

    If nothing else has been moved, that is at most dt: the step at whose end the potential is above the threshold is the one with the crossing.
    An arrival of weight w that is moved by c dt moves the potential by at most c dt |w|/τ_m, because the potential rises no faster than w/τ_m.
    A reset is a step of −1 at t, and there at (n + 2) dt, at most (1 + c) dt from t; it decays no faster than 1/τ_m. The sum of these, over the
    slope (I − 1)/τ_m at the crossing, is what a spike is moved in addition. τ_m cancels.
    """
    rng = np.random.default_rng(5)
    weights = [rng.uniform(5.0, 9.0, (4, 3)), rng.uniform(2.0, 3.0, (2, 4))]
    arrivals = rng.integers(0, 6, 3)
    steps, longest = 15, 1e-3
    trains = spikegrad.SpikeTrains.from_lists([[[n * longest] for n in arrivals]], t_end=steps * longest)
    network = spikegrad.Network(3).population("layer0", 4, tau_mem=TAU_MEM, tau_syn=TAU_SYN)
    network.population("layer1", 2, tau_mem=TAU_MEM, tau_syn=TAU_SYN)
    network.connect("input", "layer0", weights[0]).connect("layer0", "layer1", weights[1])
    run = network.run(trains)
    times = [[np.array(train) for train in run.spikes[name].to_lists()[0]] for name in network.populations]
    bounds = [moved_by(weights[0], [longest * arrivals[[k]] for k in range(3)], [np.zeros(1)] * 3, times[0], longest)]
    bounds.append(moved_by(weights[1], times[0], bounds[0], times[1], longest))
    assert all(len(train) >= 3 for layer in times for train in layer)
    for halvings in range(6):
        dt = longest / 2**halvings
        raster = np.zeros((steps * 2**halvings, 3))
        raster[arrivals * 2**halvings, np.arange(3)] = 1.0
        layers, there = in_steps(weights, raster, dt)
        converted = convert.from_snntorch(layers, dt=dt)
        for name in ("input->layer0/weights", "layer0->layer1/weights", "layer0/tau_mem", "layer1/tau_syn"):
            assert converted[name] == pytest.approx(network[name], rel=ROUNDING)
        for ours, stepped, of in zip(times, there, bounds, strict=True):
            for a, b, bound in zip(ours, stepped, of, strict=True):
                assert len(a) == len(b) and (np.abs(a - b) <= bound * dt).all()


def test_a_last_layer_that_does_not_reset_is_a_leaky_integrator() -> None:
    alpha, beta = 0.8, 0.9
    spikes = np.arange(STEPS) % 7 == 0
    layers = [linear(np.array([[0.5]])), cell(beta, alpha, reset="none")]
    network = convert.from_snntorch(layers, dt=DT)
    assert network.model("layer0") == "li"
    trains = spikegrad.SpikeTrains.from_raster(spikes[:, None], dt=DT, t_end=(STEPS + 1) * DT)
    run = network.run(trains, record=[spikegrad.sample("layer0", np.arange(1, STEPS + 1) * DT)])
    expected = recurrence(alpha, beta, 0.5 * spikes)
    assert expected.max() > 1.0
    assert np.abs(run.readouts[0][0, 0] - expected).max() <= ROUNDING * expected.max()
    with pytest.raises(spikegrad.InputError, match="only a last layer"):
        convert.from_snntorch([*layers, linear(np.array([[0.5]])), cell(beta, alpha)], dt=DT)


def test_layers_that_do_something_else_are_refused() -> None:
    torch, snntorch = pytest.importorskip("torch"), pytest.importorskip("snntorch")
    refused = [
        (snntorch.Alpha(alpha=0.9, beta=0.8), "must be a Leaky or a Synaptic"),
        (snntorch.Lapicque(beta=0.9), "must be a Leaky or a Synaptic"),
        (snntorch.RSynaptic(alpha=0.9, beta=0.8, linear_features=1), "hears itself"),
        (snntorch.Leaky(beta=0.9, reset_mechanism="zero", graded_spikes_factor=2.0), "scales its spikes"),
        (snntorch.Leaky(beta=0.9, reset_mechanism="zero", inhibition=True), "inhibition"),
    ]
    for layer, says in refused:
        with pytest.raises(spikegrad.InputError, match=says):
            convert.from_snntorch([torch.nn.Linear(1, 1), layer], dt=DT)
