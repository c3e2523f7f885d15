"""What the peers that go in time steps share: one batch of all samples, a loss, a backward pass through time.

A peer gives `layers(document, dt)`, a module whose call on the input spikes (steps, samples, channels) returns the hidden
spikes and the output over time: spikes of a spiking output, potentials of leaky integrators.
"""

import torch
import torch.nn.functional as F

from worker import arguments, binned, labels, serve, weights


def parameter(connection, scale=1.0):
    return torch.nn.Parameter(torch.tensor(weights(connection) * scale, dtype=torch.float32))


def time_constants(population):
    values = population["values"]
    assert values.get("v_th", 1) == 1 and values.get("v_reset", 0) == 0
    return values["tau_mem"], values["tau_syn"]


class Task:
    def __init__(self, document, make, dt):
        if not document["has_gradient"]:
            raise NotImplementedError("sparse network with delays")
        self.model = make(document, dt)
        self.input = torch.tensor(binned(document, dt))
        self.labels = torch.tensor(labels(document))
        self.spiking = document["populations"][-1]["model"] == "lif"
        self.samples = len(self.labels)

    def forward(self):
        with torch.no_grad():
            self.model(self.input)

    def gradient(self):
        self.model.zero_grad(set_to_none=True)
        _, output = self.model(self.input)
        # Spike counts stand for first spikes, which have no surrogate gradient.
        scores = output.sum(0) if self.spiking else output.max(0).values
        F.cross_entropy(scores, self.labels, reduction="sum").backward()

    def counts(self):
        with torch.no_grad():
            hidden, output = self.model(self.input)
        spikes = float(output.sum()) / self.samples if self.spiking else 0.0
        return {"hidden_spikes": float(hidden.sum()) / self.samples, "output_spikes": spikes}


def main(make):
    options = arguments(dt=1e-3)
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    serve(options, lambda document: Task(document, make, options.dt))
