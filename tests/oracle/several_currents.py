#!/usr/bin/env python3
"""Makes cases of tests/cases/alif and tests/cases/receptors: several currents of one neuron where the published cases do not go. Usage:

    several_currents.py --oracle ../shared/tools/reference.py --out tests/cases

The oracle is the one of README.md. Every number of a problem stands in its file as it is used.
"""
import argparse, json, pathlib, subprocess, sys


def problem(params, initial, weights, spikes, t_end, targets, receptors=None, synapses=(), names=()):
    """One population of neurons that adapt, its inputs, and synapses among its neurons."""
    size = len(weights)
    population = {"name": "out", "size": size, "model": "alif", "params": params, "initial": initial}
    if receptors:
        population["receptors"] = [{"name": name, "tau_syn": tau} for name, tau in receptors]
    connection = {"from": "input", "to": "out", "weights": weights}
    connections = [connection]
    if synapses:
        connections.append({"from": "out", "to": "out", "synapses": [
            {"pre": pre, "post": post, "weight": weight, "delay": delay} for pre, post, weight, delay in synapses]})
    for connection, name in zip(connections, names):
        connection["receptor"] = name
    return {
        "format": "spikegrad-problem", "version": 1,
        "network": {"inputs": len(weights[0]), "populations": [population], "connections": connections},
        "stimulus": {"t_end": t_end, "spikes": spikes},
        "loss": {"type": "spike_time_mse", "population": "out", "targets": targets},
    }


CASES = {
    # An inhibition of five hundred thresholds, and a bias that wins after a gap of many time constants.
    "alif_inhibited": problem(
        {"tau_mem": [0.02, 0.011], "i_bias": [1.3, 1.05], "tau_adapt": 0.05, "adapt_threshold": [0.4, 0.1], "adapt_current": 0.2, "t_ref": 0.003},
        {"a": [0.5, 0.0]}, [[-500.0, 8.0], [-0.5, -3.0]],
        [[0, 0.004], [1, 0.1031], [1, 0.2077]], 0.6, [[0.1, 0.2, 0.3], [0.1, 0.2, 0.3]], synapses=[(0, 1, -2.0, 0.0013)]),
    # All three time constants equal, two of them, and all nearly equal.
    "alif_equal_taus": problem(
        {"tau_mem": [0.01, 0.01, 0.01], "tau_syn": [0.01, 0.005, 0.01000000001], "tau_adapt": [0.01, 0.01, 0.009999999993],
         "adapt_threshold": [0.3, 0.5, 0.4], "adapt_current": [0.2, -0.4, 0.6]},
        {"a": [0.2, 1.0, 0.4]}, [[7.0, 3.5], [9.0, 4.0], [6.5, 4.5]],
        [[0, 0.0021], [1, 0.0044], [0, 0.0103], [1, 0.0171], [0, 0.0202]], 0.05, [[0.005, 0.015], [0.004, 0.012], [0.006, 0.02]],
        synapses=[(0, 1, 0.7, 0.0021), (2, 0, -0.9, 0.0007)]),
    # Weights of 1 + 1e-4 and 1 + 1e-5 times those at which the potential touches the threshold that falls.
    "alif_grazing": problem(
        {"tau_mem": [0.02, 0.02], "tau_syn": [0.01, 0.01], "tau_adapt": 0.04, "adapt_threshold": 0.25, "adapt_current": [0.1, 0.0], "i_bias": 0.1},
        {"a": [0.4, 0.8]}, [[4.129968715754828, 0.0], [0.0, 4.318113245152948]], [[0, 0.001], [1, 0.0015]], 0.06, [[0.01], [0.01]]),
    # Bursts: a threshold that jumps by half of itself and falls within some spikes, through a refractory time.
    "alif_bursts": problem(
        {"tau_mem": 0.009, "tau_syn": 0.02, "tau_adapt": [0.004, 0.2], "adapt_threshold": [0.5, 0.05], "adapt_current": [-0.3, 0.8],
         "t_ref": [0.0, 0.0011], "v_reset": [0.7, -0.1]},
        {}, [[9.0], [14.0]], [[0, 0.0013], [0, 0.0214]], 0.05, [[0.004, 0.008, 0.02], [0.004, 0.008, 0.02]],
        synapses=[(0, 1, 0.8, 0.0), (1, 0, -0.6, 0.0004)]),
    # The threshold falls onto a potential that rests, or almost does.
    "alif_falling_threshold": problem(
        {"tau_mem": [0.02, 0.03], "tau_adapt": [0.08, 0.01], "adapt_threshold": [0.9, 2.0], "i_bias": [1.02, 1.0001]},
        {"v": [0.7, 1.5], "a": [1.7, 3.1]}, [[0.2], [0.3]], [[0, 0.04]], 0.9, [[0.2, 0.5], [0.2, 0.5]]),
}


def read(loss, hidden, readout, weights, t_end, spikes):
    """Leaky neurons before leaky integrators, all with two receptors or three; each connection is (from, to, receptor, weights, delay)."""
    def population(name, model, size, params, receptors, initial):
        listed = [{"name": receptor, "tau_syn": tau} for receptor, tau in receptors]
        return {"name": name, "size": size, "model": model, "params": params, "receptors": listed, "initial": initial}

    return {
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": 2,
            "populations": [population("hidden", "lif", 2, *hidden), population("readout", "li", 2, *readout)],
            "connections": [{"from": source, "to": target, "receptor": receptor, "weights": rows, "delay": delay}
                            for source, target, receptor, rows, delay in weights]},
        "stimulus": {"t_end": t_end, "spikes": spikes},
        "loss": loss,
    }


HIDDEN = ({"tau_mem": [0.02, 0.013], "v_reset": -0.1, "t_ref": 0.0012}, [("e", 0.003), ("i", [0.009, 0.02])], {"v": 0.1, "i": [0.4, [-0.2, -0.1]]})
WEIGHTS = [
    ("input", "hidden", "e", [[11.0, 7.0], [6.5, 9.0]], 0.0004), ("input", "hidden", "i", [[-1.0, 0.3], [0.2, -0.7]], 0.0011),
    ("hidden", "hidden", "i", [[-0.8, 0.5], [-1.1, 0.2]], 0.0007),
    ("hidden", "readout", "fast", [[2.1, -0.6], [0.3, 1.7]], 0.001), ("hidden", "readout", "slow", [[-1.3, 1.9], [1.2, -2.2]], 0.0016),
    ("input", "readout", "slow", [[0.4, 0.2], [-0.3, 0.6]], 0.0),
]
SPIKES = [[0, 0.0013], [1, 0.0042], [0, 0.0127], [1, 0.0151], [0, 0.0233]]


def readout(taus, **params):
    return ({"tau_mem": [0.015, 0.008], "v_leak": 0.1, **params}, [("fast", taus[0]), ("slow", taus[1])], {"v": [0.2, -0.3], "i": [0.1, [0.5, -0.4]]})


CASES |= {
    # Two maxima within one stretch, one of them the highest; another cut off by an inhibition that comes at the slow receptor.
    "receptors_maximum": read({"type": "max_voltage_cross_entropy", "population": "readout", "label": 1},
                              HIDDEN, readout([0.001, 0.03], i_bias=[0.05, -0.2]), WEIGHTS, 0.04, SPIKES),
    "receptors_mean": read({"type": "mean_voltage_cross_entropy", "population": "readout", "label": 0},
                           HIDDEN, readout([[0.002, 0.008], 0.015]), WEIGHTS, 0.04, SPIKES),
    "receptors_samples": read({"type": "voltage_mse", "population": "readout", "samples": [[0, 0.009, 0.3], [1, 0.0201, -0.2], [0, 0.0251, 0.1]]},
                              HIDDEN, readout([[0.002, 0.00800000001], 0.015]), WEIGHTS, 0.04, SPIKES),
}
# Both receptors and the membrane alike, to the last bit or nearly.
CASES["receptors_equal"] = read({"type": "spike_time_mse", "population": "hidden", "targets": [[0.004, 0.012], [0.006, 0.02]]},
                                ({"tau_mem": [0.01, 0.010000000002], "i_bias": 0.3}, [("e", 0.01), ("i", [0.01, 0.00999999999])], {"i": [0.2, -0.1]}),
                                readout([0.002, 0.002]), WEIGHTS, 0.04, SPIKES)


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--oracle", required=True)
    args.add_argument("--out", type=pathlib.Path, required=True)
    args.add_argument("names", nargs="*", default=list(CASES))
    args = args.parse_args()
    for name in args.names:
        folder = args.out / name.split("_")[0]
        file = folder / f"{name}.json"
        file.write_text(json.dumps(CASES[name], indent=1) + "\n")
        run = [sys.executable, args.oracle, str(file), "--digits", "120", "--step", "1e-35"]
        answer = subprocess.run(run, check=True, capture_output=True, text=True).stdout
        (folder / f"{name}.expected.json").write_text(answer)
        print(name, len(json.loads(answer)["spikes"]), "spikes")


main()
