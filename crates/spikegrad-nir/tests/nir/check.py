"""Reads a NIR file and a file of NIR data with the Python package `nir`, checks a few numbers, and writes both again."""

import sys

import nir
import numpy as np

graph_in, graph_out, data_in, data_out = sys.argv[1:]

graph = nir.read(graph_in)
hidden = graph.nodes["hidden"]
assert isinstance(hidden, nir.CubaLIF), hidden
assert hidden.tau_mem.tolist() == [0.011, 0.013, 0.017, 0.019]
assert np.array_equal(hidden.w_in, hidden.tau_syn) and (hidden.r == 1).all()
assert isinstance(graph.nodes["out"], nir.CubaLI)
assert graph.nodes["hidden_to_middle_delay"].delay.tolist() == [0.001, 0.002, 0.003, 0.004]
assert graph.nodes["input_to_hidden"].weight.shape == (4, 5)
assert ("out", "output") in graph.edges
nir.write(graph_out, graph)

data = nir.read_data(data_in)
observables = data.nodes["lif"].observables
spikes = observables["spikes"]
assert spikes.time.tolist() == [[0.001, 0.0015, 0.002], [np.inf] * 3]
assert spikes.idx.tolist() == [[0, 1, 2], [-1] * 3] and spikes.n_neurons == 3
assert observables["valued"].value[0].tolist() == [0.5, -1.0, 2.0]
assert observables["raster"].data.dtype == bool and observables["raster"].n_neurons == 2
nir.write_data(data_out, data)
