"""Two processes have the gradient, and the losses, of one."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import spikegrad
from conftest import free_port

torch = pytest.importorskip("torch")
pytest.importorskip("torch.distributed")

import torch.distributed as dist  # noqa: E402
import torch.multiprocessing as mp  # noqa: E402
from torch.nn.parallel import DistributedDataParallel  # noqa: E402

from spikegrad.torch import SpikingNetwork  # noqa: E402

SAMPLES, STEPS, PROCESSES = 8, 5, 2


def module() -> SpikingNetwork:
    rng = np.random.default_rng(0)
    network = spikegrad.Network(4)
    network.population("hidden", 10, tau_mem=0.02, tau_syn=0.005)
    network.population("out", 3, model="li")
    network.connect("input", "hidden", rng.normal(1.5, 1.0, (10, 4)), delay=0.001)
    network.connect("hidden", "out", rng.normal(0.0, 0.5, (3, 10)))
    return SpikingNetwork(network, train=["weights", "tau_mem"], record=[spikegrad.maximum("out")])


def batch(samples: range) -> tuple[spikegrad.SpikeTrains, torch.Tensor]:
    all_times = np.random.default_rng(1).random((SAMPLES, 4, 3)) * 0.02
    trains = spikegrad.SpikeTrains.from_lists([list(all_times[k]) for k in samples], t_end=0.04)
    return trains, torch.tensor([k % 3 for k in samples])


def train(net: torch.nn.Module, samples: range) -> tuple[list[float], list[torch.Tensor]]:
    """The losses of some steps, and the gradients of the first one."""
    optimiser = torch.optim.SGD(net.parameters(), lr=1e-3)
    losses: list[float] = []
    first: list[torch.Tensor] = []
    for step in range(STEPS):
        trains, labels = batch(samples)
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(trains).readouts[0], labels)
        loss.backward()
        if step == 0:
            first = [p.grad.clone() for p in net.parameters() if p.grad is not None]
        mean = loss.detach().clone()
        if dist.is_initialized():
            dist.all_reduce(mean)
            mean /= PROCESSES
        losses.append(float(mean))
        optimiser.step()
    return losses, first


def work(rank: int, port: int, path: str) -> None:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    dist.init_process_group("gloo", rank=rank, world_size=PROCESSES)
    share = SAMPLES // PROCESSES
    found = train(DistributedDataParallel(module()), range(rank * share, (rank + 1) * share))
    if rank == 0:
        torch.save(found, path)
    dist.destroy_process_group()


def test_two_processes_train_as_one(tmp_path: Path) -> None:
    path = str(tmp_path / "found.pt")
    mp.spawn(work, args=(free_port(), path), nprocs=PROCESSES)
    losses, gradients = torch.load(path)
    expected_losses, expected = train(module(), range(SAMPLES))
    # The mean over two halves is that over all, but for the order of sums.
    size = max(float(g.abs().max()) for g in expected)
    for found, of_one in zip(gradients, expected, strict=True):
        assert float((found - of_one).abs().max()) <= 1e-15 * size
    assert np.abs(np.array(losses) - expected_losses).max() <= 1e-12
