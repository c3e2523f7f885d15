"""What goes in time steps elsewhere is the same here at the times of the grid."""

from __future__ import annotations

import types

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
