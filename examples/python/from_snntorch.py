"""A network that snnTorch trained in steps of 1 ms, converted to continuous time, compared, and trained further.

    pip install .[torch] snntorch && python examples/python/from_snntorch.py

Yin-Yang, with 5-100-3 neurons. The converted network has the same weights in other units. Printed is how many spikes there are in both, by how many steps
they differ, and the accuracy: in steps, converted, with input spikes that need not lie on the grid any more, and after more epochs with exact gradients.
"""

import argparse
import math

import numpy as np
import snntorch
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import spikegrad
from spikegrad import SpikeTrains, convert, datasets, encoders
from spikegrad.torch import SpikingNetwork

TAU_MEM, TAU_SYN, T_END = 0.02, 0.005, 0.06


class Stepped(nn.Module):
    """snnTorch: neurons with a synaptic current, and a read-out that does not spike."""

    def __init__(self, dt: float) -> None:
        super().__init__()
        factors = {"alpha": math.exp(-dt / TAU_SYN), "beta": math.exp(-dt / TAU_MEM)}
        # A weight adds up over TAU_SYN / dt steps.
        self.fc1, self.fc2 = nn.Linear(5, 100, bias=False), nn.Linear(100, 3, bias=False)
        nn.init.normal_(self.fc1.weight, 1.5 * dt / TAU_MEM, 0.8 * dt / TAU_MEM)
        self.lif1 = snntorch.Synaptic(**factors, spike_grad=snntorch.surrogate.fast_sigmoid(slope=10))
        self.lif2 = snntorch.Synaptic(**factors, reset_mechanism="none")

    def forward(self, raster: Tensor) -> tuple[Tensor, Tensor]:
        """Hidden spikes, shape (samples, steps, neurons), and the largest potentials of the read-out."""
        self.lif1.reset_mem()
        self.lif2.reset_mem()
        states1 = states2 = (None, None)
        spikes, potentials = [], []
        for step in raster.unbind(1):
            spike, *states1 = self.lif1(self.fc1(step), *states1)
            _, *states2 = self.lif2(self.fc2(spike), *states2)
            spikes.append(spike)
            potentials.append(states2[1])
        return torch.stack(spikes, 1), torch.stack(potentials).amax(0)


def train(module: nn.Module, scores, labels: Tensor, epochs: int, rate: float) -> None:
    optimiser = torch.optim.Adam(module.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(epochs, 1))
    for epoch in range(epochs):
        losses = []
        for batch in torch.randperm(len(labels)).split(50):
            loss = cross_entropy(scores(batch), labels[batch])
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            optimiser.step()
            losses.append(loss.item())
        schedule.step()
        print(f"  epoch {epoch + 1}: loss {np.mean(losses):.4f}", flush=True)


def main(options: argparse.Namespace) -> None:
    dt, data = options.dt, datasets.load("yin-yang")
    code = encoders.latency(t_max=0.03, t_bias=0.0)
    trains, test = (code(part.inputs, t_end=T_END) for part in (data.train, data.test))
    labels, answers = torch.as_tensor(data.train.labels), torch.as_tensor(data.test.labels)
    # In steps, an input spike comes in the step that it is nearest to.
    steps, test_steps = (torch.as_tensor(part.to_raster(dt=dt), dtype=torch.float32) for part in (trains, test))

    def right(scores) -> str:
        return f"{100 * (torch.as_tensor(scores).argmax(1) == answers).double().mean():.1f} % of the test set"

    net = Stepped(dt)
    train(net, lambda batch: net(steps[batch])[1], labels, options.epochs, 2e-3)
    with torch.no_grad():
        stepped, scores = net(test_steps)
    print(f"snnTorch, surrogate gradients: {right(scores)}")

    network = convert.from_snntorch([net.fc1, net.lif1, net.fc2, net.lif2], dt=dt)
    potentials = [spikegrad.maximum("layer1")]
    run = network.run(SpikeTrains.from_raster(test_steps, dt=dt), record=potentials)
    print(f"converted: {right(run.readouts[0])}")
    compare(SpikeTrains.from_raster(stepped, dt=dt), run.spikes["layer0"], dt)
    print(f"input spikes off the grid: {right(network.run(test, record=potentials).readouts[0])}")

    module = SpikingNetwork(network, record=potentials, time_constants=False)
    train(module, lambda batch: module(trains[batch.numpy()]).readouts[0], labels, options.more, 5e-3)
    with torch.no_grad():
        print(f"trained on, exact gradients: {right(module(test).readouts[0])}")


def compare(stepped: SpikeTrains, exact: SpikeTrains, dt: float) -> None:
    """The n-th spike of a neuron here against its n-th spike there."""
    late = [
        np.subtract(ours, theirs) / dt
        for sample, other in zip(exact.to_lists(), stepped.to_lists(), strict=True)
        for ours, theirs in zip(sample, other, strict=True)
        if len(ours) == len(theirs)
    ]
    pairs = len(exact) * exact.n_channels
    print(f"spikes: {len(stepped.times)} in steps, {len(exact.times)} in continuous time; {len(late) / pairs:.1%} of neurons have as many")
    low, middle, high = np.quantile(np.concatenate(late), [0.05, 0.5, 0.95])
    print(f"of these, spikes come {middle:.2f} steps later (5 % below {low:.2f}, 5 % above {high:.2f})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dt", type=float, default=1e-3, help="step in seconds")
    parser.add_argument("--epochs", type=int, default=10, help="in steps")
    parser.add_argument("--more", type=int, default=10, help="epochs after the conversion")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    main(options)
