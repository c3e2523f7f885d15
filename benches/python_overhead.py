"""What a call from Python costs over the same call in Rust, taking turns on one thread.

    pip install . && python benches/python_overhead.py

A single gradient of small problem files, and a batch of 64 samples of 5-200-3 neurons, the network of the workload w1. Needs cargo. Prints a table;
docs/results/python.md has one.
"""

import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

import spikegrad
from spikegrad import datasets, encoders, losses

ROOT = pathlib.Path(__file__).resolve().parents[1]
ROUNDS = 5


def median(call, seconds=0.5):
    times, start = [], time.perf_counter()
    while len(times) < 5 or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        call()
        times.append(time.perf_counter() - before)
    return statistics.median(times) * 1e6


def rust(paths):
    command = ["cargo", "run", "-q", "--release", "-p", "spikegrad-bench", "--example", "problem_files", "--", *map(str, paths)]
    return float(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


def yin_yang(tau_syn=0.005, hidden=(1.98, 0.78), output=(0.375, 0.1)):
    """The network of w1 with weights of the same distributions (mean and deviation), 64 of its samples, and the loss."""
    rng = np.random.default_rng(0)
    network = spikegrad.Network(5)
    network.population("hidden", 200, tau_mem=0.02, tau_syn=tau_syn).population("out", 3, tau_mem=0.02, tau_syn=tau_syn)
    network.connect("input", "hidden", rng.normal(*hidden, (200, 5))).connect("hidden", "out", rng.normal(*output, (3, 200)))
    data = datasets.load("yin-yang").train
    trains = encoders.latency(t_max=0.03, t_bias=0.0)(data.inputs[:64], t_end=0.06)
    return network, trains, losses.ttfs_cross_entropy("out", tau0=0.0005, tau1=0.0064, alpha=0.003), data.labels[:64]


def rows(folder):
    for name in ("two_inputs", "recurrent"):
        path = ROOT / "examples" / "problems" / f"{name}.json"
        problem = spikegrad.Problem.load(path)
        x = problem.numbers()
        yield f"{name}.json, {len(x)} numbers", [path], lambda problem=problem, x=x: problem.value_and_grad(x)
    network, trains, loss, labels = yin_yang()
    for samples in (1, 64):
        paths = []
        for k in range(samples):
            paths.append(pathlib.Path(folder, f"{samples}_{k}.json"))
            paths[-1].write_text(network.problem(trains, loss.with_label(labels[k]), sample=k).to_json())
        part, of = trains[:samples], labels[:samples]
        if samples == 1:
            problem = spikegrad.Problem.load(paths[0])
            x = problem.numbers()
            yield f"5-200-3 as a problem file, {len(x)} numbers", paths, lambda problem=problem, x=x: problem.value_and_grad(x)
        else:
            yield f"5-200-3, a batch of {samples}", paths, lambda: network.value_and_grad(part, loss, labels=of)


def main():
    spikegrad.set_threads(1)
    print("| a gradient of | Rust (µs) | Python (µs) | more (µs) | more (%) |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for name, paths, call in rows(folder):
            call()
            turns = [(rust(paths), median(call)) for _ in range(ROUNDS)]
            ours, theirs = (statistics.median(of) for of in zip(*turns))
            more = statistics.median(b - a for a, b in turns)
            print(f"| {name} | {ours:.1f} | {theirs:.1f} | {more:.1f} | {100 * more / ours:.1f} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
