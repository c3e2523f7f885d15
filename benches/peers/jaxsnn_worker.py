"""jaxsnn, event-based part: exact, EventProp, single precision, a number of steps that is fixed beforehand.

The steps of a layer are its arrivals and its spikes; how many there are must be known, and is taken from our own counts (the
largest of the samples). The formula for a crossing needs tau_mem = 2 tau_syn, so only workloads of that ratio are run.
"""

import os

from worker import arguments, labels, serve, weights

options = arguments()
if options.threads == 1:
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import jax
import jax.numpy as jnp
import numpy as np
from jaxsnn.event.loss import first_spike
from jaxsnn.event.modules import LIF, Linear, Source
from jaxsnn.event.modules.lif.lif import LIFParameters
from jaxsnn.event.topology import Topology
from jaxsnn.event.types import Spike

TAU0, TAU1, ALPHA = 5e-4, 6.4e-3, 3e-3  # Of the loss of our workloads.


class Task:
    def __init__(self, document):
        hidden, output = document["populations"]
        if output["model"] != "lif" or len(document["connections"]) != 2:
            raise NotImplementedError("the event-based part has no leaky integrator to read")
        values = hidden["values"]
        if abs(values["tau_mem"] / values["tau_syn"] - 2) > 1e-9:
            raise NotImplementedError("a ratio of time constants that is neither 1 nor 2")
        self.t_end, self.outputs = document["t_end"], output["size"]
        self.samples = len(document["samples"])
        parameters = LIFParameters(v_reset=0.0, v_th=1.0, tau_syn=values["tau_syn"], tau_mem=values["tau_mem"])
        most = {key: int(max(c[key] for c in document["counts_of_samples"])) for key in ("hidden_spikes", "output_spikes")}
        inputs = max(len(sample["times"]) for sample in document["samples"])
        steps = inputs + most["hidden_spikes"] + 1
        topology = Topology(t_max=self.t_end, backprop_method="eventprop")
        topology.add({
            "inp": Source(document["inputs"]),
            "syn1": Linear(pre_weights=self.weights(document, 0)),
            "lif1": LIF(hidden["size"], steps, parameters),
            "syn2": Linear(pre_weights=self.weights(document, 1)),
            "lif2": LIF(output["size"], steps + most["output_spikes"] + 1, parameters),
        })
        topology.connect([("inp", "syn1"), ("syn1", "lif1"), ("lif1", "syn2"), ("syn2", "lif2")])
        init, self.apply = topology.done()
        self.parameters = init(jax.random.PRNGKey(0))
        times = jnp.array([sample["times"] for sample in document["samples"]], dtype=jnp.float32)
        channels = jnp.array([sample["channels"] for sample in document["samples"]])
        self.input = {"inp": Spike(
            time=times,
            idx=channels,
            current=jnp.zeros_like(times),
            layer_idx=jnp.zeros_like(channels),
            internal=jnp.ones_like(times, dtype=bool),
        )}
        self.labels = jnp.array(labels(document))
        self.run_forward = jax.jit(self.loss)
        self.run_gradient = jax.jit(jax.value_and_grad(self.loss))

    @staticmethod
    def weights(document, k):
        return jnp.array(weights(document["connections"][k]).T, dtype=jnp.float32)

    def loss(self, parameters, spikes, labels):
        events = self.apply(spikes, parameters)["lif2"]
        first = jax.vmap(first_spike, in_axes=(0, None))(events, self.outputs)
        first = jnp.minimum(first, self.t_end)
        right = jnp.take_along_axis(first, labels[:, None], axis=1)[:, 0]
        cross_entropy = right / TAU0 + jax.nn.logsumexp(-first / TAU0, axis=1)
        return jnp.sum(cross_entropy + ALPHA * jnp.expm1(right / TAU1))

    def forward(self):
        jax.block_until_ready(self.run_forward(self.parameters, self.input, self.labels))

    def gradient(self):
        jax.block_until_ready(self.run_gradient(self.parameters, self.input, self.labels))

    def counts(self):
        events = self.apply(self.input, self.parameters)
        def spikes(layer):
            # Its own spikes are marked; those that came in are not.
            own = np.asarray(events[layer].internal) & (np.asarray(events[layer].time) < self.t_end)
            return float(own.sum()) / self.samples
        value = float(self.run_forward(self.parameters, self.input, self.labels)) / self.samples
        return {"hidden_spikes": spikes("lif1"), "output_spikes": spikes("lif2"), "loss": value}


if __name__ == "__main__":
    serve(options, Task)
