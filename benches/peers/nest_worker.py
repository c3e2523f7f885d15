"""NEST: the balanced network, forward, with neurons on a grid of 0.1 ms (`iaf_psc_exp`) or with precise spikes (`..._ps`, `..._ps_lossless`).

Same synapses, delays, input spikes and initial potentials as ours. Every repeat builds the network anew; only the simulation
after NEST has prepared itself is timed. On the grid an input spike is moved to the next multiple of 0.1 ms.
"""

import time

from worker import arguments, serve  # First: NEST prints when it is imported.

import nest
import numpy as np

MS = 1e3  # NEST counts in milliseconds.


class Task:
    samples = 1

    def __init__(self, document, model, threads):
        if document["has_gradient"]:
            raise NotImplementedError("no gradient")
        self.document, self.model, self.threads = document, model, threads
        self.t_end = document["t_end"] * MS
        sample = document["samples"][0]
        times, channels = np.array(sample["times"]) * MS, np.array(sample["channels"])
        order = np.lexsort((times, channels))
        ends = np.searchsorted(channels[order], np.arange(1, document["inputs"]))
        self.trains = np.split(times[order], ends)
        self.spikes = 0

    def build(self):
        nest.ResetKernel()
        nest.verbosity = nest.VerbosityLevel.ERROR
        nest.local_num_threads = self.threads
        nest.resolution = 0.1
        precise = "_ps" in self.model
        populations = {}
        for population in self.document["populations"]:
            populations[population["name"]] = made = nest.Create(self.model, population["size"])
            values = population["values"]
            tau_syn = values["tau_syn"] * MS
            # With C_m = tau_mem a current in pA is the potential in mV that it would hold, as in our units.
            made.set({
                "tau_m": values["tau_mem"] * MS, "C_m": values["tau_mem"] * MS,
                "tau_syn_ex": tau_syn, "tau_syn_in": tau_syn,
                "E_L": 0.0, "V_reset": values["v_reset"], "V_th": values["v_th"], "t_ref": values["t_ref"] * MS,
            })
            made.V_m = values["initial.v"]
        generators = nest.Create("spike_generator", len(self.trains))
        option = {"precise_times": True} if precise else {"allow_offgrid_times": True}
        generators.set([{**option, "spike_times": train} for train in self.trains])
        for connection in self.document["connections"]:
            source = generators if connection["from"] == "input" else populations[connection["from"]]
            pre = np.array(source.tolist())[np.array(connection["pre"])]
            post = np.array(populations[connection["to"]].tolist())[np.array(connection["post"])]
            n = len(pre)
            nest.Connect(pre, post, "one_to_one", {
                "synapse_model": "static_synapse",
                "weight": np.array(connection["weights"]),
                "delay": np.full(n, connection["delay"] * MS),
            })

    def forward(self):
        self.build()
        nest.Prepare()
        wall, cpu = time.perf_counter(), time.process_time()
        nest.Run(self.t_end)
        measured = time.perf_counter() - wall, time.process_time() - cpu
        nest.Cleanup()
        self.spikes = nest.local_spike_counter
        return measured

    def counts(self):
        return {"hidden_spikes": float(self.spikes), "output_spikes": 0.0}


if __name__ == "__main__":
    options = arguments(model="iaf_psc_exp")
    serve(options, lambda document: Task(document, options.model, options.threads))
