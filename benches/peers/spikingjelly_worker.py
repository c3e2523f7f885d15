"""spikingjelly: `CUBALIFNode` with exact decays a step, multi-step where the network allows, surrogate gradient (arctangent).

Leaky integrators are the same node with a threshold out of reach, read by its potential.
"""

import math

import torch
from spikingjelly.activation_based import functional, neuron, surrogate

from stepped import main, parameter, time_constants


class Network(torch.nn.Module):
    def __init__(self, document, dt):
        super().__init__()
        hidden, output = document["populations"]
        # The potential rises by I dt / tau_mem a step, so that weights take this factor.
        scale = dt / time_constants(hidden)[0]
        self.weights = torch.nn.ParameterList(parameter(c, scale) for c in document["connections"])
        self.recurrent = len(self.weights) == 3
        self.hidden = node(hidden, dt, "s" if self.recurrent else "m")
        self.spiking = output["model"] == "lif"
        self.output = node(output, dt, "m")

    def forward(self, spikes):
        functional.reset_net(self)
        currents = spikes @ self.weights[0].T
        if self.recurrent:
            hidden, spike = [], None
            for current in currents:
                spike = self.hidden(current if spike is None else current + spike @ self.weights[1].T)
                hidden.append(spike)
            hidden = torch.stack(hidden)
        else:
            hidden = self.hidden(currents)
        output = self.output(hidden @ self.weights[-1].T)
        return hidden, output if self.spiking else self.output.v_seq


def node(population, dt, mode):
    tau_mem, tau_syn = time_constants(population)
    spiking = population["model"] == "lif"
    made = neuron.CUBALIFNode(
        c_decay=math.exp(-dt / tau_syn),
        v_decay=math.exp(-dt / tau_mem),
        v_threshold=1.0 if spiking else 1e9,
        v_reset=0.0,
        surrogate_function=surrogate.ATan(),
    )
    made.step_mode = mode
    made.store_v_seq = not spiking
    return made


if __name__ == "__main__":
    main(Network)
