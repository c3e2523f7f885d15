"""What one training step costs in Python, here and with the peers, each as its users call it, taking turns on one thread.

    pip install .[torch,jax] && python benches/peers_from_python.py

A step is the loss of a batch of 64 samples and its gradient by all weights; the network is 5-200-3 neurons of the workload w1, for jaxsnn with
tau_mem = 2 tau_syn. Peers run in the environments, and by the workers, of benches/peers. Prints a table; docs/results/python.md has one.
"""

import argparse
import json
import os
import pathlib
import statistics
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
# What is ours runs in this process, which has one core, as a worker has.
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["OMP_NUM_THREADS"] = "1"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
sys.path.insert(0, str(ROOT / "benches" / "peers"))

import jax
import jax.numpy as jnp
import numpy as np
import torch
from run import Worker, environment

import spikegrad
import spikegrad.jax
from python_overhead import yin_yang
from spikegrad.torch import SpikingNetwork

TAU0, TAU1, ALPHA, T_END = 5e-4, 6.4e-3, 3e-3, 0.06  # Of the loss of w1.
CONNECTIONS = ("input->hidden", "hidden->out")


def document(network, trains, labels):
    """The workload as the workers of the peers read it."""
    run = network.run(trains)
    populations = [
        {"name": name, "size": size, "model": "lif", "values": {key: float(network[f"{name}/{key}"]) for key in ("tau_mem", "tau_syn")}}
        for name, size in network.populations.items()
    ]
    weights = [network[f"{name}/weights"] for name in CONNECTIONS]
    counts = [{f"{key}_spikes": run.counts(name)[k].sum().item() for key, name in (("hidden", "hidden"), ("output", "out"))} for k in range(len(trains))]
    samples = [
        {"times": one.times.tolist(), "channels": one.channels.tolist(), "label": int(label)}
        for one, label in zip(trains, labels)
    ]
    return {
        "has_gradient": True, "t_end": T_END, "inputs": network.inputs, "populations": populations, "samples": samples, "counts_of_samples": counts,
        "connections": [{"n_post": w.shape[0], "n_pre": w.shape[1], "weights": w.reshape(-1).tolist()} for w in weights],
    }


# Ours. Each step has weights of its own, as in training: what is kept from a step before must not help.


def native(network, trains, loss, labels):
    flat, network = network.flat, network.copy()

    def step():
        flat[:] *= 1.0 + 1e-13
        network.flat = flat
        network.value_and_grad(trains, loss, labels=labels, time_constants=False)

    return step


def with_torch(network, trains, loss, labels):
    module, labels = SpikingNetwork(network, train="weights", time_constants=False), torch.as_tensor(labels)

    def step():
        with torch.no_grad():
            for weights in module.parameters():
                weights *= 1.0 + 1e-13
        module.zero_grad()
        first = module(trains).first_spikes("out", missing=T_END)
        late = torch.expm1(first.gather(1, labels[:, None]) / TAU1).mean()
        (torch.nn.functional.cross_entropy(-first / TAU0, labels) + ALPHA * late).backward()

    return step


def with_jax(network, trains, loss, labels):
    """The samples of a label are one problem with other input times: a batch is a vmap over these."""
    batches = []
    for label in np.unique(labels):
        of = trains[np.flatnonzero(labels == label)]
        f, numbers = spikegrad.jax.loss_function(network.problem(of, loss.with_label(label)), with_respect_to=("weights", "input_times"))
        rows = of.times.reshape(len(of), -1)
        batches.append((f, jnp.asarray(rows)))
    weights = numbers[: len(numbers) - rows.shape[1]]

    @jax.jit
    @jax.value_and_grad
    def value_and_grad(weights):
        losses = [jax.vmap(lambda t, f=f: f(jnp.concatenate([weights, t])))(rows).sum() for f, rows in batches]
        return sum(losses) / len(trains)

    def step():
        nonlocal weights
        weights = weights * (1.0 + 1e-13)
        jax.block_until_ready(value_and_grad(weights))

    return step


def measured(step, seconds):
    """Times of the clock, and of the processor, which count where others use the machine."""
    times, processor = [], []
    while not times or sum(times) < seconds:
        clock, cpu = time.perf_counter(), time.process_time()
        step()
        times.append(time.perf_counter() - clock)
        processor.append(time.process_time() - cpu)
    return times, processor


def workers(options, folder, log):
    """Name, workload, and what measures it for some seconds, of each peer."""
    found = []
    for peer, group, name, more in [("norse", "torch", "w1", ["--dt", "1e-3"]), ("snntorch", "torch", "w1", ["--dt", "1e-3"]), ("jaxsnn", "jax", "w1_2to1", [])]:
        python, error = environment(options.venv, group, options.torch_index, install=True)
        if error:
            print(f"{peer}: {error}", file=sys.stderr)
            continue
        worker = Worker([python, ROOT / "benches" / "peers" / f"{peer}_worker.py", folder, *more, "--threads", 1], 1, log)

        def measure(seconds, worker=worker, name=name):
            answer = worker.ask({"workload": name, "what": "gradient", "seconds": seconds}, 300)
            return answer["times"], answer["processor"]

        how = "steps of 1 ms, surrogate gradient" if group == "torch" else "exact"
        found.append((f"{peer}, {how}, single precision", name, measure))
    return found


def rows(options, folder, log):
    """The same of all, ours first."""
    workloads = {"w1": yin_yang(), "w1_2to1": yin_yang(tau_syn=0.01, hidden=(1.125, 0.45), output=(0.195, 0.06))}
    for name, (network, trains, _, labels) in workloads.items():
        pathlib.Path(folder, f"{name}.json").write_text(json.dumps(document(network, trains, labels)))
    # Before JAX has threads, which do not survive a fork.
    peers = workers(options, folder, log)
    ours = {"Network.value_and_grad": native, "SpikingNetwork and PyTorch's loss": with_torch, "spikegrad.jax, jit and vmap": with_jax}
    for name, workload in workloads.items():
        for title, make in ours.items():
            step = make(*workload)
            yield title, name, lambda seconds, step=step: measured(step, seconds)
        yield from (row for row in peers if row[1] == name)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--venv", type=pathlib.Path, default=ROOT / "target" / "peers-venv", help="folder of the peers' environments")
    parser.add_argument("--torch-index", help="another index for torch, such as https://download.pytorch.org/whl/cpu")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each in each round")
    options = parser.parse_args()
    spikegrad.set_threads(1)
    torch.set_num_threads(1)
    jax.config.update("jax_enable_x64", True)
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as log:
        contestants = list(rows(options, folder, log))
        times = [([], []) for _ in contestants]
        for round in range(options.rounds + 1):
            for (_, _, measure), own in zip(contestants, times):
                # The first round warms up: libraries are loaded, code is compiled.
                found = measure(options.seconds if round else 0.0)
                if round:
                    for kind, more in zip(own, found):
                        kind += more
    first = {}
    print("| a step with | workload | ms a batch, by the clock | of processor | times the first |\n| --- | --- | --- | --- | --- |")
    for (title, name, _), own in zip(contestants, times):
        clock, processor = (1e3 * statistics.median(kind) for kind in own)
        ratio = processor / first.setdefault(name, processor)
        print(f"| {title} | {name} | {clock:.2f} | {processor:.2f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
