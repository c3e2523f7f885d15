"""Yin-Yang in PyTorch: 5-200-3 spiking neurons, of which the first output to spike decides, to more than 98.5 %.

    pip install .[torch] && python examples/python/yin_yang_torch.py
"""

import sys

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

import spikegrad
from spikegrad import datasets, encoders
from spikegrad.torch import SpikingNetwork

T_END = 0.06


def spiking_network() -> SpikingNetwork:
    rng = np.random.default_rng(0)
    network = spikegrad.Network(5)
    network.population("hidden", 200, tau_mem=0.02, tau_syn=0.005).population("output", 3, tau_mem=0.02, tau_syn=0.005)
    network.connect("input", "hidden", rng.normal(1.5, 0.78, (200, 5)))
    network.connect("hidden", "output", rng.normal(0.93, 0.1, (3, 200)))
    return SpikingNetwork(network, train="weights", time_constants=False)


def spike_trains(part: datasets.DataSet) -> tuple[spikegrad.SpikeTrains, torch.Tensor]:
    code = encoders.latency(t_max=0.03, t_bias=0.02)
    return code(part.inputs, t_end=T_END), torch.as_tensor(part.labels)


def loss_of(first: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    late = torch.expm1(first.gather(1, labels[:, None]) / 0.0064).mean()
    return cross_entropy(-first / 0.00025, labels) + 0.003 * late


def main(epochs: int) -> float:
    data, module = datasets.load("yin-yang"), spiking_network()
    (train, labels), (test, answers) = spike_trains(data.train), spike_trains(data.test)
    optimiser = torch.optim.Adam(module.parameters(), lr=0.008)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimiser, 0.96)
    accuracy = 0.0
    for epoch in range(epochs):
        for batch in DataLoader(range(len(train)), batch_size=32, shuffle=True):
            first = module(train[batch.numpy()]).first_spikes("output", missing=T_END)
            optimiser.zero_grad()
            loss_of(first, labels[batch]).backward()
            optimiser.step()
        schedule.step()
        with torch.no_grad():
            accuracy = (module(test).first_spikes("output").argmin(1) == answers).double().mean().item()
        print(f"epoch {epoch + 1}: {100 * accuracy:.1f} % of the test set")
    return accuracy


if __name__ == "__main__":
    torch.manual_seed(0)
    # Its tensors are small: more threads of PyTorch would wait for each other.
    torch.set_num_threads(1)
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
