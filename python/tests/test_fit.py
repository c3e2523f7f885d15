"""Fits to spike trains: what is found spikes when it shall, in a run of its own."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

import numpy as np
import pytest

import spikegrad
from spikegrad import Network, SpikeTrains, losses

TARGETS = [[0.007, 0.020], [0.012]]
TOLERANCE = 1e-7


def pair() -> Network:
    """Two neurons that hear two inputs and each other, and are silent."""
    network = Network(2)
    network.population("pair", 2)
    network.connect("input", "pair", np.full((2, 2), 0.1))
    network.connect("pair", "pair", np.full((2, 2), 0.1), delay=0.002)
    return network


def inputs(t_end: float = 0.03) -> SpikeTrains:
    return SpikeTrains.from_lists([[[0.0, 0.010], [0.004, 0.015]]], t_end=t_end)


def targets(trains: Any = TARGETS) -> losses.Loss:
    return losses.spike_time_mse("pair", trains)


def test_neurons_spike_when_they_shall() -> None:
    network, told = pair(), []
    before = network.flat
    found = spikegrad.fit(network, inputs(), targets(), tolerance=TOLERANCE, progress=told.append)
    assert found.is_reached and (found.missing, found.surplus) == (0, 0)
    assert np.array_equal(network.flat, before)

    run = found.network.run(inputs())
    spikes = run.spikes["pair"]
    for neuron, expected in enumerate(TARGETS):
        times = spikes.times[spikes.channels == neuron]
        assert len(times) == len(expected) and np.abs(times - expected).max() <= TOLERANCE
    assert found.largest <= TOLERANCE
    assert found.certificate["spikes"] == 3 and found.certificate["smallest_slope"]["slope"] > 0.0

    assert [fitted.neuron for fitted in found.neurons] == ["pair[0]", "pair[1]"]
    assert all(fitted.is_reached and fitted.starts >= 1 for fitted in found.neurons)
    assert sorted(line[4:11] for line in told if line.startswith(("1/2", "2/2"))) == ["pair[0]", "pair[1]"]

    # Another start, and the same one.
    again = spikegrad.fit(network, inputs(), targets(), tolerance=TOLERANCE)
    assert np.array_equal(again.network.flat, found.network.flat)


def test_only_what_is_named_changes() -> None:
    network, trains = pair(), SpikeTrains.from_lists([[[0.0], [0.002]]], t_end=0.008)
    network["input->pair/weights"] = [[0.0, 0.0], [4.0, 4.0]]
    [[_, [time]]] = network.run(trains).spike_times("pair")
    found = spikegrad.fit(network, trains, targets([[], [time + 1e-4]]), trained=["pair/tau_mem"])
    assert found.is_reached and found.steps > 0
    # It is shared by the two, so that they are fitted together.
    assert found.neurons == ()
    assert [name for name in network if not np.array_equal(network[name], found.network[name])] == ["pair/tau_mem"]


def test_what_progress_raises_ends_the_fit() -> None:
    def stop(_: str) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        spikegrad.fit(pair(), inputs(), targets(), progress=stop)


@pytest.mark.skipif(sys.platform != "linux", reason="signals of Linux")
def test_ctrl_c_ends_a_fit() -> None:
    # Minutes of work: no weights make a neuron spike before anything arrives, from however many starts.
    wish = targets([[1e-6, 2e-6, 3e-6], [1e-6, 2e-6]])
    threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        spikegrad.fit(pair(), SpikeTrains.from_lists([[[1e-3 * k for k in range(500)]] * 2], t_end=0.5), wish, most_starts=10**6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"targets": losses.max_voltage_cross_entropy("pair", 0)}, "targets is a max_voltage_cross_entropy loss"),
        ({"targets": targets() + targets()}, "has targets twice"),
        ({"targets": targets([[0.007], [0.04]])}, "`targets` is 0.04"),
        ({"targets": "pair"}, "targets is a str"),
        ({"trains": SpikeTrains.from_lists([[[0.0], []]] * 2, t_end=0.03)}, "trains has 2 samples"),
        ({"trained": ["pair/tau"]}, "trained names 'pair/tau', which is no value"),
        ({"trained": []}, "nothing can be fitted"),
        ({"tolerance": 0.0}, "`tolerance` is 0; it must be a positive number of seconds"),
        ({"most_starts": -1}, "most_starts is -1"),
        ({"progress": 3}, "progress is 3; it must be a function"),
        ({"max_events": "many"}, "max_events is 'many'"),
    ],
)
def test_arguments_that_do_not_fit(change: dict[str, Any], message: str) -> None:
    arguments = {"trains": inputs(), "targets": targets(), **change}
    with pytest.raises(spikegrad.SpikegradError) as raised:
        spikegrad.fit(pair(), **arguments)
    assert message in str(raised.value)
