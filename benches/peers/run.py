"""Compares spikegrad with its peers on the same networks and inputs: one command, one table, one JSON file.

    python3 benches/peers/run.py

Makes virtual environments with pinned peers, exports our workloads, starts one worker a program and lets them take turns. What
is compared, and how fairly, is in README.md beside this file. Needs Python 3.11 or newer, cargo, PyPI, and on Linux about
8 GB, because torch comes with CUDA there (see --torch-index).
"""

import argparse
import json
import os
import pathlib
import platform
import queue
import statistics
import subprocess
import sys
import threading
import time
import venv
from dataclasses import dataclass, field

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
EXPORTED = ["w1", "w1_2to1", "w2_sparse", "w2_dense", "w2_2to1", "w3", "balanced"]
SURROGATE = ["w1", "w2_sparse", "w2_dense", "w3"]
TIMES = ("us_per_sample", "processor_us_per_sample")
IN_DEGREE = 250  # Of the balanced network, from neurons.


@dataclass
class Program:
    """One row of the table: how it is started, what it computes, and what it is asked."""

    name: str
    computes: str
    caps: str
    not_run: str  # What of the workloads, and why.
    workloads: list
    group: str = ""  # The virtual environment; none for ours.
    command: list = field(default_factory=list)
    whats: tuple = ("forward", "gradient")


def stepped(name, dt, workloads=SURROGATE):
    return Program(
        f"{name} {1e3 * dt:g} ms", f"time steps of {1e3 * dt:g} ms, surrogate gradient, single precision",
        "one spike a neuron and step", "2to1: as w1 and w2; balanced: sparse, with delays", workloads, "torch", [f"{name}_worker.py", "--dt", str(dt)])


def nest(model, computes):
    return Program(f"NEST {model}", computes, "none", "all but balanced: these models have no gradient", ["balanced"], "nest", ["nest_worker.py", "--model", model], ("forward",))


def programs(fine):
    steps = [1e-3, 2e-4] if fine else [1e-3]
    return [
        Program("spikegrad", "exact, double precision; of weights, as its peers", "none", "", EXPORTED, command=["--weights"]),
        Program("spikegrad, all", "exact, double precision; of every parameter and input time", "none", "", EXPORTED, whats=("gradient",)),
        Program("jaxsnn", "exact (EventProp), single precision, tau_mem = 2 tau_syn",
                "steps fixed beforehand, from our counts",
                "w1, w2: its formula for a crossing needs a ratio of 1 or 2; w2, w3: no leaky integrator to read", ["w1_2to1", "w2_2to1"], "jax", ["jaxsnn_worker.py"]),
        *(stepped(name, dt) for dt in steps for name in ("norse", "snntorch", "spikingjelly")),
        nest("iaf_psc_exp", "exact motion, spikes on a grid of 0.1 ms, double precision"),
        nest("iaf_psc_exp_ps", "exact motion, precise spikes, looked for at the ends of steps and at arrivals, double precision"),
        nest("iaf_psc_exp_ps_lossless", "exact motion, precise spikes, none missed, double precision"),
    ]


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def target_directory():
    metadata = subprocess.run(["cargo", "metadata", "--no-deps", "--format-version", "1"], cwd=ROOT, check=True, capture_output=True)
    return pathlib.Path(json.loads(metadata.stdout)["target_directory"])


def environment(folder, group, torch_index, install):
    """The Python of a virtual environment with the peers of `group`, and why it is not complete."""
    python = folder / group / ("Scripts" if os.name == "nt" else "bin") / "python"
    requirements = HERE / "requirements" / f"{group}.txt"
    stamp = folder / group / "installed.txt"
    if stamp.exists() and stamp.read_text() == requirements.read_text():
        return python, None
    if not install:
        return python, None if python.exists() else "not installed (--no-install)"
    say(f"installing {requirements.name} …")
    venv.create(folder / group, with_pip=True)
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements]
    if group == "torch" and torch_index:
        command += ["--extra-index-url", torch_index]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        return python, "pip: " + (done.stderr.strip().splitlines() or ["failed"])[-1][:200]
    stamp.write_text(requirements.read_text())
    return python, None


class Worker:
    """A running program that answers a JSON line with a JSON line."""

    def __init__(self, command, threads, log):
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        surroundings = {**os.environ, **{name: str(threads) for name in names}, "PYTHONWARNINGS": "ignore"}
        pin = None
        if hasattr(os, "sched_setaffinity"):
            cores = sorted(os.sched_getaffinity(0))[:threads]
            pin = lambda: os.sched_setaffinity(0, cores)
        self.process = subprocess.Popen(
            [str(word) for word in command], env=surroundings, preexec_fn=pin, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        self.answers = queue.Queue()
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stdout:
            self.answers.put(line)
        self.answers.put("")

    def ask(self, request, timeout):
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.answers.get(timeout=timeout)
        except (BrokenPipeError, queue.Empty) as error:
            self.stop()
            why = "ended" if isinstance(error, BrokenPipeError) else f"no answer in {timeout} s"
            return {"error": why}
        return json.loads(line) if line else {"error": "ended"}

    def stop(self):
        self.process.kill()
        self.process.wait()


def quantiles(values):
    values = sorted(values)
    last = len(values) - 1
    return {"median": statistics.median(values), "q10": values[last // 10], "q90": values[last - last // 10], "n": len(values)}


class Comparison:
    """All results of one run, and the workers of one number of threads."""

    def __init__(self, options, rows, commands, log):
        self.options, self.rows, self.commands, self.log = options, rows, commands, log
        self.results = []

    def compare(self, workers, threads, workload, what):
        """Lets all programs that can take turns on one workload."""
        taking_part = [row for row in self.rows if workload in row.workloads and what in row.whats]
        if len(taking_part) < 2 and not self.options.alone:
            return
        say(f"{threads} thread(s), {workload}, {what}: {', '.join(row.name for row in taking_part)}")
        found = {}
        for round in range(self.options.rounds + 1):
            for row in taking_part:
                entry = found.setdefault(row.name, {"times": [], "processor": [], "error": self.commands[row.name][1]})
                if entry["error"]:
                    continue
                if row.name not in workers:
                    workers[row.name] = Worker(self.commands[row.name][0] + ["--threads", threads], threads, self.log)
                begin = time.perf_counter()
                # The first round warms up: libraries are loaded, networks built, code compiled.
                seconds = self.options.seconds if round else 0
                answer = workers[row.name].ask({"workload": workload, "what": what, "seconds": seconds}, self.options.timeout)
                if "error" in answer:
                    entry["error"] = answer["error"]
                    if workers[row.name].process.poll() is not None:
                        del workers[row.name]
                elif round == 0:
                    entry["first_s"] = time.perf_counter() - begin
                else:
                    for key in ("times", "processor"):
                        entry[key] += [1e6 * t / answer["samples"] for t in answer[key]]
                    entry["counts"] = answer["counts"]
                    entry["samples"] = answer["samples"]
        for row in taking_part:
            self.results.append(self.result(row.name, found[row.name], threads, workload, what))

    @staticmethod
    def result(name, entry, threads, workload, what):
        result = {"program": name, "threads": threads, "workload": workload, "what": what}
        if entry["error"]:
            return {**result, "error": entry["error"]}
        return {
            **result, "us_per_sample": quantiles(entry["times"]), "processor_us_per_sample": quantiles(entry["processor"]),
            "samples": entry["samples"], "counts": entry["counts"], "first_answer_s": entry["first_s"],
        }


def table(results, rows):
    """The results as Markdown."""
    lines = []
    keys = dict.fromkeys((r["threads"], r["workload"], r["what"]) for r in results)
    lines += ["| threads | workload | what | program | µs a sample (10–90 %) | of processor | times ours, of clock and processor | spikes hidden / output | first answer s |",
              "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
    for key in keys:
        group = [r for r in results if (r["threads"], r["workload"], r["what"]) == key]
        ours = next((r for r in group if r["program"] == "spikegrad" and "error" not in r), None)
        for r in group:
            start = f"| {key[0]} | {key[1]} | {key[2]} | {r['program']} | "
            if "error" in r:
                lines.append(start + f"failed: {r['error']} | | | | |")
                continue
            q, p, c = r["us_per_sample"], r["processor_us_per_sample"]["median"], r["counts"]
            ratios = [r[kind]["median"] / ours[kind]["median"] for kind in TIMES if ours and ours[kind]["median"]]
            ratio = ", ".join(f"{ratio:.2f}" for ratio in ratios)
            spikes = f"{c['hidden_spikes']:.1f} / {c['output_spikes']:.1f}"
            if key[1] == "balanced" and p:
                spikes += f"; {c['hidden_spikes'] * IN_DEGREE / p:.2f} M recurrent events a processor second"
            lines.append(start + f"{q['median']:.0f} ({q['q10']:.0f}–{q['q90']:.0f}) | {p:.0f} | {ratio} | {spikes} | {r['first_answer_s']:.1f} |")
    lines += ["", "| program | computes | caps | not run |", "| --- | --- | --- | --- |"]
    lines += [f"| {row.name} | {row.computes} | {row.caps} | {row.not_run} |" for row in rows]
    return "\n".join(lines)


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workload", action="append", choices=EXPORTED, help="only this one; may be repeated")
    parser.add_argument("--peer", action="append", help="only programs whose names begin so; may be repeated; ours always runs")
    parser.add_argument("--threads", type=int, action="append", help="numbers of threads (default: 1 and 2)")
    parser.add_argument("--seconds", type=float, default=0.4, help="of each program in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--timeout", type=float, default=300, help="seconds after which a program has failed")
    parser.add_argument("--fine", action="store_true", help="time steps of 0.2 ms as well")
    parser.add_argument("--alone", action="store_true", help="workloads that no peer runs, too")
    parser.add_argument("--venv", type=pathlib.Path, help="folder of the virtual environments (default: peers-venv in cargo's target)")
    parser.add_argument("--json", type=pathlib.Path, help="where results go (default: peers.json in cargo's target)")
    parser.add_argument("--torch-index", help="another index for torch, such as https://download.pytorch.org/whl/cpu")
    parser.add_argument("--no-install", action="store_true", help="use the environments as they are")
    return parser.parse_args()


def main():
    chosen = options()
    target = target_directory()
    subprocess.run(["cargo", "build", "--release", "-p", "spikegrad-bench", "--bin", "workloads", "--bin", "worker"], cwd=ROOT, check=True)
    binaries = target / "release"
    export = target / "peers-export"
    export_command = [binaries / "workloads", "--export", export]
    subprocess.run(export_command, check=True)
    rows = [row for row in programs(chosen.fine)
            if not row.group or not chosen.peer or any(row.name.startswith(peer) for peer in chosen.peer)]
    folder = chosen.venv or target / "peers-venv"
    pythons = {group: environment(folder, group, chosen.torch_index, not chosen.no_install)
               for group in dict.fromkeys(row.group for row in rows if row.group)}
    commands = {}
    for row in rows:
        python, error = pythons.get(row.group, (None, None))
        ours = [binaries / "worker", *row.command]
        commands[row.name] = ([python, HERE / row.command[0], export, *row.command[1:]] if row.group else ours, error)
    with open(target / "peers.log", "w") as log:
        comparison = Comparison(chosen, rows, commands, log)
        for threads in chosen.threads or [1, 2]:
            workers = {}
            try:
                for workload in chosen.workload or EXPORTED:
                    for what in ("forward", "gradient"):
                        comparison.compare(workers, threads, workload, what)
            finally:
                for worker in workers.values():
                    worker.stop()
    print(table(comparison.results, rows))
    pins = {path.stem: path.read_text().split("\n") for path in (HERE / "requirements").iterdir()}
    document = {
        "machine": {"system": platform.platform(), "processor": platform.processor(), "cores": os.cpu_count()},
        "python": platform.python_version(), "load_average": os.getloadavg() if hasattr(os, "getloadavg") else None,
        "pinned": {group: [p for p in lines if p and not p.startswith("#")] for group, lines in pins.items()},
        "programs": [{"name": r.name, "computes": r.computes, "caps": r.caps, "not_run": r.not_run} for r in rows],
        "results": comparison.results,
    }
    path = chosen.json or target / "peers.json"
    path.write_text(json.dumps(document, indent=1))
    say(f"{path} written; what the workers said is in {target / 'peers.log'}")


if __name__ == "__main__":
    main()
