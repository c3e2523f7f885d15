#!/usr/bin/env python3
"""Make the cases `spiking_*` of tests/cases: losses that read the potential of neurons that spike.

    python3 tests/oracle/spiking_read_outs.py --oracle ../shared/tools/reference.py --out tests/cases

The oracle simulates a problem file in multi-precision arithmetic and differentiates its loss by central differences. Its losses on
potentials read neurons that never spike; what it has to know beyond that stands here: the potential of a neuron in its refractory time is
v_reset, and the maximum of one that spikes is v_th. The problems are drawn from fixed seeds.
"""

import argparse
import importlib.util
import json
import random
import sys
from pathlib import Path

sys.dont_write_bytecode = True    # the oracle may stand in a directory that is not ours


def load(path):
    sys.path.insert(0, str(Path(path).parent))
    spec = importlib.util.spec_from_file_location("reference", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def with_clamps(reference):
    """Lets every stretch of the trace be read, clamped ones too."""
    models = sys.modules["reference_models"]

    class Membrane(models.Membrane):
        def release(self, t):
            start = self.t
            super().release(t)
            if self.t > start:
                still = models.ExpSum({models.mpf(0): [self.v, models.mpf(0)]})
                self.trace.append((start, self.t, still))

        def fire(self):
            super().fire()
            self.has_spiked = True

        def peak(self):
            if getattr(self, "has_spiked", False):
                return self.p["v_th"], ("spike", 0)
            return super().peak()

    reference.Membrane = Membrane


def problem(rng, loss, t_ref, size=3):
    """A hidden layer and a read one, both spiking, with recurrence in the latter, delays, and every parameter in the file."""
    def number(lo, hi):
        return float(f"{rng.uniform(lo, hi):.5g}")

    def numbers(lo, hi):
        return [number(lo, hi) for _ in range(size)]

    def population(name, gain):
        params = {"tau_mem": numbers(0.01, 0.025), "tau_syn": numbers(0.003, 0.008), "v_th": numbers(0.8, 1.2),
                  "v_reset": numbers(-0.3, 0.3), "v_leak": numbers(-0.2, 0.2), "i_bias": numbers(-0.1, gain),
                  "t_ref": numbers(*t_ref)}
        return {"name": name, "size": size, "model": "lif", "params": params,
                "initial": {"v": numbers(-0.3, 0.5), "i": numbers(-0.5, 1)}}

    def matrix(lo, hi, n_pre):
        return [[number(lo, hi) for _ in range(n_pre)] for _ in range(size)]

    return {
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": 2,
            "populations": [population("hidden", 0.9), population("out", 0.7)],
            "connections": [
                {"from": "input", "to": "hidden", "weights": matrix(2, 8, 2), "delay": matrix(0.0005, 0.003, 2)},
                {"from": "hidden", "to": "out", "weights": matrix(0, 5, size), "delay": number(0.001, 0.003)},
                {"from": "out", "to": "out", "weights": matrix(-3, 1, size), "delay": number(0.0005, 0.002)},
            ],
        },
        "stimulus": {"t_end": 0.05, "spikes": [[rng.randrange(2), number(0, 0.04)] for _ in range(6)]},
        "loss": {"population": "out", **loss},
    }


def clamped(p, k, t):
    """Whether neuron k of the population that is read is refractory at time t."""
    j = p.index["out", k]
    return any(time <= t < time + p.cells[j].p["t_ref"] for time, what in p.history[j] if what is None)


def draw(reference, name, loss, seed, wanted):
    """The first problem from this seed on that is as wanted."""
    while True:
        rng = random.Random(f"{name}/{seed}")
        t_ref = (0.002, 0.006)
        doc = problem(rng, dict(loss), t_ref)
        if name.endswith("samples"):
            times = [float(f"{rng.uniform(0.005, 0.05):.5g}") for _ in range(8)]
            doc["loss"]["samples"] = [[k % 3, t, float(f"{rng.uniform(-1, 1):.5g}")] for k, t in enumerate(times)]
        _, _, p = reference.solve(doc)
        counts = [sum(s[1:] == ("out", k) for s in p.spikes) for k in range(3)]
        if wanted(counts, doc, p):
            return doc
        seed += 1


def samples_are_mixed(counts, doc, p):
    inside = [clamped(p, k, t) for k, t, _ in doc["loss"]["samples"]]
    return all(counts) and 3 <= sum(inside) <= 5


CASES = {
    "spiking_mean_voltage": ({"type": "mean_voltage_cross_entropy", "label": 1}, lambda counts, doc, p: all(c > 1 for c in counts)),
    "spiking_voltage_samples": ({"type": "voltage_mse"}, samples_are_mixed),
    "spiking_max_voltage": ({"type": "max_voltage_cross_entropy", "label": 0}, lambda counts, doc, p: sorted(map(bool, counts)) == [False, True, True]),
}


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--oracle", required=True, help="the oracle script")
    ap.add_argument("--out", required=True, help="the folder of cases")
    args = ap.parse_args()
    reference = load(args.oracle)
    with_clamps(reference)
    for name, (loss, wanted) in CASES.items():
        doc = draw(reference, name, loss, 0, wanted)
        answer = reference.gradient(doc)
        out = Path(args.out)
        (out / f"{name}.json").write_text(json.dumps(doc, indent=1) + "\n")
        (out / f"{name}.expected.json").write_text(json.dumps(answer, indent=1) + "\n")
        print(name, len(answer["spikes"]), "spikes,", len(answer["gradient"]), "derivatives")


if __name__ == "__main__":
    main()
