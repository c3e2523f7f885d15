"""Networks and problems that several tests share."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import numpy as np
import pytest

import spikegrad

ROOT = Path(__file__).resolve().parents[2]

# A shell lets what it starts in the background ignore Ctrl-C, which some tests send to themselves.
signal.signal(signal.SIGINT, signal.default_int_handler)


def feed_forward(seed: int = 1) -> spikegrad.Network:
    """Neurons with parameters of their own, and a delay for each synapse."""
    rng = np.random.default_rng(seed)
    network = spikegrad.Network(3)
    network.population(
        "hidden",
        4,
        tau_mem=rng.uniform(0.01, 0.03, 4),
        tau_syn=0.005,
        v_th=rng.uniform(0.8, 1.2, 4),
        i_bias=rng.uniform(0.0, 0.2, 4),
        t_ref=0.001,
        initial={"v": 0.1},
    )
    network.population("out", 2, model="li", tau_mem=0.015)
    network.connect("input", "hidden", rng.uniform(4.0, 9.0, (4, 3)), delay=rng.uniform(0.0005, 0.002, (4, 3)))
    network.connect("hidden", "out", rng.uniform(0.5, 1.5, (2, 4)), delay=0.001)
    return network


def recurrent(seed: int = 1) -> spikegrad.Network:
    """The same with sparse recurrence, and delays along it."""
    network = feed_forward(seed)
    network.connect("hidden", "hidden", [-0.6, 0.4, -0.3], pre=[0, 1, 3], post=[1, 2, 3], delay=[0.001, 0.002, 0.0015])
    return network


def stimuli(samples: int = 3, seed: int = 1) -> spikegrad.SpikeTrains:
    """A few spikes on each of three channels, from 1 ms to 16 ms of 30 ms."""
    rng = np.random.default_rng(seed)
    lists = [[rng.uniform(0.001, 0.016, 2) for _ in range(3)] for _ in range(samples)]
    return spikegrad.SpikeTrains.from_lists(lists, t_end=0.03)


@pytest.fixture(params=[feed_forward, recurrent], ids=["feed-forward", "recurrent"])
def network(request: pytest.FixtureRequest) -> spikegrad.Network:
    made: spikegrad.Network = request.param()
    return made


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


PROBLEMS = sorted(
    path for path in (ROOT / "examples" / "problems").glob("*.json") if "grazing" not in path.name
)
