"""What all workers share: the dialogue with run.py, and the exported workloads as arrays.

One JSON object a line in, one out, as in src/bin/worker.rs. A peer gives a function `load(document)` that returns an object
with `forward()`, `gradient()` (each runs one batch), `samples` and `counts()`; what it prints goes to standard error.
"""

import argparse
import json
import os
import sys
import time
import traceback

import numpy as np

# Whatever libraries print must not disturb the dialogue: import this module before them.
ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def arguments(**extra):
    """Options of a worker; `extra` maps names to defaults."""
    parser = argparse.ArgumentParser()
    parser.add_argument("export", help="folder with the exported workloads")
    parser.add_argument("--threads", type=int, default=1)
    for name, default in extra.items():
        parser.add_argument("--" + name, type=type(default), default=default)
    return parser.parse_args()


def repeat(run, seconds):
    """Runs until `seconds` are used, at least once; a run may return the part of its time that counts, by clock and processor."""
    times, processor = [], []
    while not times or sum(times) < seconds:
        wall, cpu = time.perf_counter(), time.process_time()
        own = run()
        measured = own or (time.perf_counter() - wall, time.process_time() - cpu)
        times.append(measured[0])
        processor.append(measured[1])
    return times, processor


def serve(options, load):
    """Answers requests until standard input ends."""
    known, counts = {}, {}
    for line in sys.stdin:
        request = json.loads(line)
        name = request["workload"]
        try:
            if name not in known:
                with open(os.path.join(options.export, name + ".json")) as file:
                    known[name] = load(json.load(file))
            task = known[name]
            times, processor = repeat(getattr(task, request["what"]), request["seconds"])
            if name not in counts:
                counts[name] = task.counts()
            answer = {"times": times, "processor": processor, "samples": task.samples, "counts": counts[name]}
        except Exception as error:  # A peer that fails is a row of the table.
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"[:300]}
        print(json.dumps(answer), file=ANSWERS, flush=True)


def weights(connection):
    """A dense weight matrix, one row a target."""
    return np.array(connection["weights"]).reshape(connection["n_post"], connection["n_pre"])


def labels(document):
    return np.array([sample["label"] for sample in document["samples"]])


def binned(document, dt):
    """Input spikes in steps of `dt` seconds: counts of shape (steps, samples, channels)."""
    steps = round(document["t_end"] / dt)
    counts = np.zeros((steps, len(document["samples"]), document["inputs"]), dtype=np.float32)
    for k, sample in enumerate(document["samples"]):
        step = np.minimum((np.array(sample["times"]) / dt).astype(int), steps - 1)
        np.add.at(counts, (step, k, np.array(sample["channels"])), 1)
    return counts
