"""MNIST with convolutions of PyTorch in front of spiking neurons, to 98.4 %: the convolutions say when input spikes come.

    pip install .[torch] && python examples/python/mnist_convolution_torch.py --data FOLDER

FOLDER has the four IDX files of MNIST. Each feature is an input spike, the earlier the larger it is. The gradient of the loss by the times of these
spikes is exact, and goes on through the latency code into the kernels.
"""

import argparse

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import spikegrad
from spikegrad import datasets
from spikegrad.torch import SpikingNetwork

FEATURES = 256
LATEST, T_END = 0.02, 0.04


class Classifier(nn.Module):
    """Two convolutions, a latency code, 100 spiking neurons, and ten leaky integrators whose largest potential decides."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 8, 5, stride=2), nn.ReLU(), nn.Conv2d(8, 16, 5, stride=2), nn.BatchNorm2d(16), nn.Flatten()
        )
        network = spikegrad.Network(FEATURES)
        network.population("hidden", 100, tau_mem=0.02, tau_syn=0.005).population("out", 10, model="li")
        network.connect("input", "hidden", rng.normal(0.03, 0.06, (100, FEATURES)))
        network.connect("hidden", "out", rng.normal(0.0, 0.3, (10, 100)))
        self.spiking = SpikingNetwork(network, record=[spikegrad.maximum("out")], time_constants=False)

    def forward(self, images: Tensor) -> Tensor:
        """Scores of the classes."""
        times = LATEST * torch.sigmoid(-self.encoder(images).double())
        channels = torch.arange(FEATURES).repeat(len(images))
        offsets = FEATURES * torch.arange(len(images) + 1)
        return 5 * self.spiking.run(times.flatten(), channels, offsets, T_END).readouts[0]


def tensors(part: datasets.DataSet, samples: int | None) -> tuple[Tensor, Tensor]:
    images = torch.as_tensor(part.inputs[:samples])[:, None] / 255
    return images, torch.as_tensor(part.labels[:samples])


def main(options: argparse.Namespace) -> float:
    data = datasets.load("mnist", path=options.data, validation=0)
    images, labels = tensors(data.train, options.samples)
    test_images, answers = tensors(data.test, None)
    module = Classifier(np.random.default_rng(options.seed))
    optimiser = torch.optim.Adam(module.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, options.epochs)
    accuracy = 0.0
    for epoch in range(options.epochs):
        module.train()
        losses = []
        for batch in torch.randperm(len(labels)).split(64):
            loss = cross_entropy(module(images[batch]), labels[batch])
            optimiser.zero_grad()
            loss.backward()
            # Near a spike that hardly reaches its threshold derivatives are exact, and large.
            nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            optimiser.step()
            losses.append(loss.item())
        schedule.step()
        module.eval()
        with torch.no_grad():
            found = torch.cat([module(part) for part in test_images.split(500)])
        accuracy = (found.argmax(1) == answers).double().mean().item()
        print(
            f"epoch {epoch + 1}: loss {np.mean(losses):.4f}, of the test set {cross_entropy(found, answers):.4f}, "
            f"{100 * accuracy:.2f} % right",
            flush=True,
        )
    return accuracy


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder with the IDX files of MNIST")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--samples", type=int, help="train on the first ones only")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    main(options)
