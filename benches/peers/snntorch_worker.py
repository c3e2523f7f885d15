"""snntorch: `Synaptic` neurons with exact decays a step, reset to zero, surrogate gradient (arctangent)."""

import math

import snntorch
import torch

from stepped import main, parameter, time_constants


class Network(torch.nn.Module):
    def __init__(self, document, dt):
        super().__init__()
        hidden, output = document["populations"]
        # The potential rises by I dt / tau_mem a step, so that weights take this factor.
        scale = dt / time_constants(hidden)[0]
        self.weights = torch.nn.ParameterList(parameter(c, scale) for c in document["connections"])
        self.hidden = neuron(hidden, dt)
        self.output = neuron(output, dt)
        self.spiking = output["model"] == "lif"

    def forward(self, spikes):
        currents = spikes @ self.weights[0].T
        synapse, membrane = self.hidden.init_synaptic()
        hidden, spike = [], None
        for current in currents:
            if len(self.weights) == 3 and spike is not None:
                current = current + spike @ self.weights[1].T
            spike, synapse, membrane = self.hidden(current, synapse, membrane)
            hidden.append(spike)
        hidden = torch.stack(hidden)
        synapse, membrane = self.output.init_synaptic()
        output = []
        for current in hidden @ self.weights[-1].T:
            spike, synapse, membrane = self.output(current, synapse, membrane)
            output.append(spike if self.spiking else membrane)
        return hidden, torch.stack(output)


def neuron(population, dt):
    tau_mem, tau_syn = time_constants(population)
    spiking = population["model"] == "lif"
    return snntorch.Synaptic(
        alpha=math.exp(-dt / tau_syn),
        beta=math.exp(-dt / tau_mem),
        threshold=1.0 if spiking else 1e9,
        reset_mechanism="zero" if spiking else "none",
    )


if __name__ == "__main__":
    main(Network)
