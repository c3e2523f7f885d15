"""norse: leaky integrate-and-fire with a synaptic current, forward Euler, surrogate gradient (SuperSpike)."""

import norse.torch as norse
import torch

from stepped import main, parameter, time_constants


class Network(torch.nn.Module):
    def __init__(self, document, dt):
        super().__init__()
        hidden, output = document["populations"]
        self.weights = torch.nn.ParameterList(parameter(c) for c in document["connections"])
        self.recurrent = len(self.weights) == 3
        if self.recurrent:
            size, inputs = hidden["size"], document["inputs"]
            self.hidden = norse.LIFRecurrent(inputs, size, p=lif(hidden), dt=dt)
            self.hidden.input_weights = self.weights[0]
            self.hidden.recurrent_weights = self.weights[1]
        else:
            self.hidden = norse.LIF(p=lif(hidden), dt=dt)
        if output["model"] == "lif":
            self.output = norse.LIF(p=lif(output), dt=dt)
        else:
            tau_mem, tau_syn = time_constants(output)
            p = norse.LIParameters(torch.tensor(1 / tau_syn), torch.tensor(1 / tau_mem))
            self.output = norse.LI(p=p, dt=dt)

    def forward(self, spikes):
        current = spikes if self.recurrent else spikes @ self.weights[0].T
        hidden, _ = self.hidden(current)
        output, _ = self.output(hidden @ self.weights[-1].T)
        return hidden, output


def lif(population):
    tau_mem, tau_syn = time_constants(population)
    return norse.LIFParameters(torch.tensor(1 / tau_syn), torch.tensor(1 / tau_mem))


if __name__ == "__main__":
    main(Network)
