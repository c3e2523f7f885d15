#!/usr/bin/env python3
"""Makes cases of tests/cases/alif: neurons that adapt where the published cases do not go. Usage:

    adaptive_cases.py --oracle ../shared/tools/reference.py --out tests/cases/alif

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


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--oracle", required=True)
    args.add_argument("--out", type=pathlib.Path, required=True)
    args.add_argument("names", nargs="*", default=list(CASES))
    args = args.parse_args()
    for name in args.names:
        file = args.out / f"{name}.json"
        file.write_text(json.dumps(CASES[name], indent=1) + "\n")
        run = [sys.executable, args.oracle, str(file), "--digits", "120", "--step", "1e-35"]
        answer = subprocess.run(run, check=True, capture_output=True, text=True).stdout
        (args.out / f"{name}.expected.json").write_text(answer)
        print(name, len(json.loads(answer)["spikes"]), "spikes")


main()
