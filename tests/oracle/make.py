#!/usr/bin/env python3
"""Make `gradients.json`: random small problem files with their exact loss, spikes and gradient.

    python3 tests/oracle/make.py --oracle ../shared/tools/reference.py --out tests/oracle/gradients.json

The numbers come from an oracle script (`--oracle`) that simulates a problem file in multi-precision arithmetic and
differentiates its loss by central differences.  This file only draws the problems, throws away those whose gradient
is not defined or not generic, drives the oracle and writes the answers compactly, one case per line.

How a case is drawn.  A family is a set of options (topology, delays, parameters, ratio of time constants, loss); case
`n` of a family tries the seeds 1000 n, 1000 n + 1, ... until one problem passes `inspect`.  `generate(family, seed)`
is deterministic, so `family` and `seed` in the output name the problem for good.

Precision.  The oracle's own setting (45 digits, step 1e-19) leaves only 6 correct digits in the derivatives by time
constants that are exactly equal, because its closed form divides by their difference, which is then the step itself.
So the oracle is run here at DIGITS digits with step 10^-STEP; `--check` repeats random entries at a still finer
setting and prints the largest relative deviation.

A finished case is appended to OUT.partial at once; a run that was interrupted goes on from there.  No NumPy.
"""

import argparse
import collections
import importlib.util
import json
import math
import multiprocessing
import os
import random
import sys
import time

sys.dont_write_bytecode = True    # the oracle may stand in a directory that is not ours

DIGITS, STEP = 120, 35          # working precision of the oracle, and its difference step as a power of ten
CONVERGED = 40                  # digits to which every spike of the oracle must lie on its threshold
CHECK = (160, 42)               # the finer setting of --check
WRITTEN = 20                    # significant digits in the output
FLOOR = 40                      # a derivative below 10^-FLOOR is written as 0
ATTEMPTS = 1000                 # seeds a case may try

MIN_SLOPE = 0.02                # least tau_mem dV/dt at a spike, in units of v_th
NEAR_MISS = 1e-4                # least distance of a silent maximum of V from v_th, in units of v_th
MIN_GAP = 1e-9                  # least time between two spikes, and from a spike to t_end, in seconds
PEAK_GAP = 1e-4                 # least height of the largest maximum of V over the next
ENTRIES = (20, 110)             # differentiable numbers in a problem
ALIVE = 0.35                    # least share of derivatives that are not zero


# --- drawing numbers ------------------------------------------------------------------------------------------------

def short(x, digits=5):
    """The double nearest to x that prints with a few significant digits."""
    return float(f"{x:.{digits}g}")


def uniform(rng, lo, hi):
    return short(rng.uniform(lo, hi))


def psp_peak(tau_mem, tau_syn):
    """Height of the potential's answer to one spike of weight 1 (any value of the ratio)."""
    r = tau_mem / tau_syn
    return math.exp(-1) if abs(r - 1) < 1e-3 else r ** (-r / (r - 1))


def taus_with_ratio(*ratios):
    """Time constants with tau_mem / tau_syn one of `ratios`; both are short decimals."""
    def draw(rng):
        r = rng.choice(ratios)
        if r >= 100:
            tau_syn = short(rng.uniform(0.016, 0.03) / r, 3)
        elif r > 1:
            tau_syn = short(rng.uniform(0.012, 0.024) / r, 4)
        elif r == 1:
            tau_syn = short(rng.uniform(0.005, 0.015), 4)
        else:
            tau_syn = short(rng.uniform(0.01, 0.016), 3)
        return (short(tau_syn * r, 12), tau_syn)
    return draw


def taus_nearly_equal(*bits):
    """tau_mem = tau_syn (1 ± 2^-k); which of the two is the short decimal is drawn as well."""
    def draw(rng):
        one = short(rng.uniform(0.005, 0.015), 4)
        other = one * (1 + rng.choice((-1, 1)) * 2.0 ** -rng.choice(bits))
        return (other, one) if rng.random() < 0.5 else (one, other)
    return draw


def taus_any(rng):
    """Unrelated time constants between 1:3 and 6:1."""
    tau_syn = uniform(rng, 0.003, 0.012)
    return (short(tau_syn * math.exp(rng.uniform(math.log(1 / 3), math.log(6)))), tau_syn)


def taus_mixed(rng):
    return rng.choice((taus_with_ratio(4, 2, 1, 0.5), taus_nearly_equal(10, 20, 30, 40, 50), taus_any))(rng)


# --- families -------------------------------------------------------------------------------------------------------

TTFS, ALPHA, TIMES = "ttfs", "ttfs_alpha", "spike_time_mse"
MAXV, MEANV, VMSE = "max_voltage", "mean_voltage", "voltage_mse"
ALL = (ALPHA, MAXV, TIMES, MEANV, TTFS, VMSE)       # case n of a family has loss number n mod len
SPIKE_LOSSES, VOLTAGE_LOSSES = (TTFS, ALPHA, TIMES), (MAXV, MEANV, VMSE)
FOUR = taus_with_ratio(4)

# Options (defaults in `generate`): losses; hidden = number of hidden layers; taus = how a pair of time constants is
# drawn; params = few | shared | list | mixed (which keys stand in the file, as a number or as a list); delay = zero |
# shared | matrix | synapses (the last with sparse connections); recurrent = None | dense | matrix | synapses | self |
# zero | feedback; t_ref, initial = None | shared | list | mixed; tonic = bias above threshold; skip = input also
# feeds the last population; doubled = two synapses between a pair; inhibition = share of negative weights; need =
# a property that the simulated problem must have; spikes = (least, most) spikes in all.
FAMILIES = {
    # the plain network and the losses
    "feedforward":            dict(losses=(TTFS, ALPHA, TIMES)),
    "no_hidden_layer":        dict(losses=(TTFS, TIMES), hidden=0, params="shared", delay="matrix"),
    "two_hidden_layers":      dict(losses=ALL, hidden=2, delay="shared", taus=taus_any),
    "spike_time_targets":     dict(losses=(TIMES,), params="shared", delay="shared", taus=taus_any),
    "missing_spikes":         dict(losses=SPIKE_LOSSES, need="silent", params="shared", inhibition=0.4),
    "many_spikes":            dict(losses=(TIMES, MEANV), spikes=(25, 60), hidden_size=(3, 3), taus=taus_any),
    "shallow_slopes":         dict(losses=SPIKE_LOSSES + VOLTAGE_LOSSES, need="shallow", taus=taus_any,
                                   params="shared", delay="shared"),
    "max_voltage":            dict(losses=(MAXV,), params="mixed", delay="matrix", taus=taus_any),
    "max_voltage_cusp":       dict(losses=(MAXV,), need="cusp", skip=True, inhibition=0.5, delay="matrix",
                                   taus=taus_any),
    "mean_voltage":           dict(losses=(MEANV,), params="mixed", delay="matrix", taus=taus_any),
    "voltage_samples":        dict(losses=(VMSE,), params="mixed", delay="matrix", taus=taus_any),
    # delays and topology
    "shared_delays":          dict(losses=ALL, delay="shared", params="shared"),
    "delay_matrices":         dict(losses=ALL, delay="matrix"),
    "sparse_synapses":        dict(losses=ALL, delay="synapses", taus=taus_any),
    "doubled_synapses":       dict(losses=ALL, delay="synapses", doubled=True),
    "recurrent_dense":        dict(losses=ALL, recurrent="dense", delay="shared", taus=taus_any),
    "recurrent_matrix":       dict(losses=ALL, recurrent="matrix", hidden_size=(3, 4)),
    "recurrent_synapses":     dict(losses=ALL, recurrent="synapses", delay="synapses", taus=taus_any),
    "self_connections":       dict(losses=ALL, recurrent="self", params="shared"),
    "zero_delay_recurrence":  dict(losses=ALL, recurrent="zero", taus=taus_any),
    "feedback":               dict(losses=SPIKE_LOSSES, recurrent="feedback", delay="shared", taus=taus_any),
    "skip_connection":        dict(losses=ALL, skip=True, delay="matrix", hidden_size=(3, 4)),
    # parameters
    "heterogeneous":          dict(losses=ALL, params="list", taus=taus_any, hidden_size=(3, 4)),
    "refractory_shared":      dict(losses=ALL, t_ref="shared", params="shared", gain=1.6, need="refractory"),
    "refractory_list":        dict(losses=ALL, t_ref="list", params="shared", gain=1.6, taus=taus_any,
                                   need="refractory"),
    "refractory_recurrent":   dict(losses=ALL, t_ref="list", recurrent="matrix", gain=1.3, hidden_size=(3, 4),
                                   need="refractory"),
    "initial_shared":         dict(losses=ALL, initial="shared", taus=taus_any),
    "initial_list":           dict(losses=ALL, initial="list", delay="synapses"),
    "tonic_bias":             dict(losses=ALL, tonic=True, params="list", hidden_size=(3, 4), taus=taus_any),
    "everything":             dict(losses=ALL, params="mixed", t_ref="mixed", initial="mixed", delay="synapses",
                                   recurrent="synapses", skip=True, doubled=True, taus=taus_mixed),
    # ratios of the time constants
    "ratio_4":                dict(losses=ALL, params="shared", delay="shared"),
    "ratio_2":                dict(losses=ALL, params="shared", taus=taus_with_ratio(2), recurrent="dense"),
    "ratio_1":                dict(losses=ALL, taus=taus_with_ratio(1), delay="shared"),
    "ratio_1_recurrent":      dict(losses=ALL, taus=taus_with_ratio(1), recurrent="matrix", initial="shared",
                                   t_ref="shared", hidden_size=(3, 3)),
    "ratio_near_1_coarse":    dict(losses=ALL, taus=taus_nearly_equal(4, 6, 8, 10, 12, 14, 16), initial="shared"),
    "ratio_near_1_medium":    dict(losses=ALL, taus=taus_nearly_equal(18, 20, 22, 24, 26, 28, 30, 33), t_ref="shared"),
    "ratio_near_1_fine":      dict(losses=ALL, taus=taus_nearly_equal(36, 40, 44, 48, 50, 51, 52), delay="shared"),
    "ratio_1_2":              dict(losses=ALL, taus=taus_with_ratio(0.5), delay="shared"),
    "ratio_1_4":              dict(losses=ALL, taus=taus_with_ratio(0.25), initial="shared"),
    "ratio_1_20":             dict(losses=ALL, taus=taus_with_ratio(0.05), t_ref="shared", gain=0.8),
    "ratio_100":              dict(losses=ALL, taus=taus_with_ratio(100), params="shared", delay="shared"),
    "ratio_1000":             dict(losses=ALL, taus=taus_with_ratio(1000), params="shared", delay="shared"),
    "ratio_mixed":            dict(losses=ALL, taus=taus_mixed, params="taus", hidden_size=(3, 4)),
}


def generate(family, seed):
    """The problem file number `seed` of a family."""
    rng = random.Random(f"{family}/{seed}")
    o = dict(hidden=1, hidden_size=(4, 6), taus=FOUR, params="few", delay="zero", recurrent=None, t_ref=None,
             initial=None, tonic=False, skip=False, doubled=False, inhibition=0.2, gain=1.0)
    o.update(FAMILIES[family])
    loss = o["losses"][seed // ATTEMPTS % len(o["losses"])]
    inputs = rng.randint(2, 4)
    gain = o["gain"] * rng.uniform(0.5, 1.3)
    t_end = rng.choice((0.03, 0.04, 0.05, 0.06))

    def population(name, size, model):
        """The population and, aside, each neuron's answer to one spike (for the scale of its weights)."""
        per_neuron = lambda key: (o["params"] == "list" or (o["params"] == "taus" and key.startswith("tau"))
                                  or (o["params"] == "mixed" and rng.random() < 0.4))
        absent = lambda: o["params"] == "mixed" and rng.random() < 0.3

        def put(key, low, high, where):
            where[key] = ([uniform(rng, low, high) for _ in range(size)] if per_neuron(key) else
                          uniform(rng, low, high))

        params = {}
        if per_neuron("tau"):
            pairs = [o["taus"](rng) for _ in range(size)]
            params["tau_mem"], params["tau_syn"] = [p[0] for p in pairs], [p[1] for p in pairs]
        else:
            pairs = [o["taus"](rng)] * size
            params["tau_mem"], params["tau_syn"] = pairs[0]
        peaks = [psp_peak(*p) for p in pairs]
        rich = o["params"] in ("shared", "list", "mixed")
        if model == "lif" and (o["params"] != "mixed" or not absent()):
            put("v_th", 0.8, 1.3, params)
        if model == "lif" and rich and not absent():
            put("v_reset", -0.3, 0.3, params)
        if rich and not absent():
            put("v_leak", -0.2, 0.2, params)
        if o["tonic"] and model == "lif":
            put("i_bias", 1.3, 2.0, params)
        elif rich and not absent():
            put("i_bias", -0.1, 0.3, params)
        t_ref = rng.choice((None, "shared", "list")) if o["t_ref"] == "mixed" else o["t_ref"]
        if model == "lif" and t_ref:
            params["t_ref"] = ([uniform(rng, 0.0005, 0.004) for _ in range(size)] if t_ref == "list" else
                               uniform(rng, 0.0005, 0.004))
        pop = {"name": name, "size": size, "model": model, "params": params}
        initial = rng.choice((None, "shared", "list")) if o["initial"] == "mixed" else o["initial"]
        if initial:
            v = [uniform(rng, -0.3, 0.6) for _ in range(size)]
            i = [short(rng.uniform(-0.2, 0.9) / peak) for peak in peaks]
            pop["initial"] = {"v": v, "i": i} if initial == "list" else {"v": v[0], "i": i[0]}
        return pop, peaks

    def delay():
        return uniform(rng, 0.0003, 0.004)

    def weight(peak, scale, inhibition):
        sign = -1 if rng.random() < inhibition else 1
        return short(sign * rng.uniform(0.15, 1.0) * scale / peak)

    def connect(source, n_pre, target, scale, style, inhibition, keep=0.7, only_self=False):
        """One connection; style as in the option `delay`."""
        pop, peaks = target
        c = {"from": source, "to": pop["name"]}
        n_post = pop["size"]
        if style == "synapses":
            pairs = [(i, j) for j in range(n_post) for i in range(n_pre)
                     if (i == j if only_self else rng.random() < keep)]
            pairs = pairs or [(rng.randrange(n_pre), rng.randrange(n_post))]
            if o["doubled"]:
                pairs += rng.sample(pairs, max(1, len(pairs) // 3))
            c["synapses"] = [{"pre": i, "post": j, "weight": weight(peaks[j], scale, inhibition), "delay": delay()}
                             for i, j in pairs]
        else:
            c["weights"] = [[weight(peaks[j], scale, inhibition) for _ in range(n_pre)] for j in range(n_post)]
            if style == "shared":
                c["delay"] = delay()
            elif style == "matrix":
                c["delay"] = [[delay() for _ in range(n_pre)] for _ in range(n_post)]
            elif rng.random() < 0.5:
                c["delay"] = 0.0
        return c

    model = "li" if loss in VOLTAGE_LOSSES else "lif"
    layers = [population(f"hidden{k}" if k else "hidden", rng.randint(*o["hidden_size"]), "lif")
              for k in range(o["hidden"])]
    layers.append(population("out", rng.randint(3, 4) if not o["hidden"] else rng.randint(2, 3), model))
    connections = []
    source, n_pre = "input", inputs
    for pop, peaks in layers:
        connections.append(connect(source, n_pre, (pop, peaks), 1.3 * gain, o["delay"],
                                   o["inhibition"] / 2 if source == "input" else o["inhibition"]))
        source, n_pre = pop["name"], pop["size"]
    hidden, out = layers[0], layers[-1]
    n_hidden = hidden[0]["size"]
    styles = {"dense": "shared", "matrix": "matrix", "synapses": "synapses", "self": "synapses", "zero": "zero"}
    if o["recurrent"] in styles:
        connections.append(connect("hidden", n_hidden, hidden, 0.6 * gain, styles[o["recurrent"]], 0.5, keep=0.4,
                                   only_self=o["recurrent"] == "self"))
    elif o["recurrent"] == "feedback":
        connections.append(connect("out", out[0]["size"], hidden, 0.7 * gain, "matrix", 0.5))
    if o["skip"]:
        connections.append(connect("input", inputs, out, gain, o["delay"], o["inhibition"]))

    spikes = [[rng.randrange(inputs), uniform(rng, 0.0005, 0.6 * t_end)] for _ in range(rng.randint(4, 7))]
    n_out = out[0]["size"]
    label = rng.randrange(n_out)
    if loss in (TTFS, ALPHA):
        worth = {"type": "ttfs_cross_entropy", "population": "out", "label": label, "tau0": uniform(rng, 0.002, 0.01)}
        if loss == ALPHA:
            worth["tau1"], worth["alpha"] = uniform(rng, 0.01, 0.05), uniform(rng, 0.001, 0.1)
    elif loss == TIMES:
        counts = [rng.randint(0, 3) for _ in range(n_out)]
        counts[label] = counts[label] or 2
        worth = {"type": "spike_time_mse", "population": "out",
                 "targets": [sorted(uniform(rng, 0.1 * t_end, t_end) for _ in range(m)) for m in counts]}
    elif loss == VMSE:
        worth = {"type": "voltage_mse", "population": "out",
                 "samples": [[rng.randrange(n_out), uniform(rng, 0.2 * t_end, t_end), uniform(rng, -1, 1)]
                             for _ in range(rng.randint(3, 6))]}
    else:
        worth = {"type": f"{loss}_cross_entropy", "population": "out", "label": label}
    return {"format": "spikegrad-problem", "version": 1,
            "network": {"inputs": inputs, "populations": [pop for pop, _ in layers], "connections": connections},
            "stimulus": {"t_end": t_end, "spikes": spikes}, "loss": worth}


# --- the oracle -----------------------------------------------------------------------------------------------------

oracle = None


def load_oracle(path):
    global oracle
    spec = importlib.util.spec_from_file_location("oracle", path)
    oracle = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(oracle)
    set_precision(DIGITS, STEP)


def set_precision(digits, step):
    oracle.mp.dps = digits
    oracle.H = oracle.mpf(10) ** -step


class Limited(dict):
    """The oracle's table of synapses, read once for each spike: gives up after `limit` spikes."""

    def __init__(self, table, limit):
        super().__init__(table)
        self.left = limit

    def get(self, key, default=None):
        self.left -= 1
        if self.left < 0:
            raise RuntimeError("too many spikes")
        return super().get(key, default)


def value_at(doc, path):
    for key in path:
        doc = doc[key]
    return doc


def derivative(doc, path, order):
    """Central difference of the loss, or None if the order of the spikes is not the same on both sides."""
    h = oracle.H * max(abs(oracle.num(value_at(doc, path))), oracle.mpf("1e-3"))
    up, order_up, _ = oracle.solve(oracle.shifted(doc, path, h))
    down, order_down, _ = oracle.solve(oracle.shifted(doc, path, -h))
    return (up - down) / (2 * h) if order_up == order == order_down else None


def decimal(x):
    return "0" if abs(x) < oracle.mpf(10) ** -FLOOR else oracle.mp.nstr(x, WRITTEN)


def inspect(family, doc):
    """(why the problem is thrown away or None, its least slope at a spike)."""
    o = FAMILIES[family]
    least, most = o.get("spikes", (2, 26))
    problem = oracle.Problem(doc)
    for _, _, lif, p, v, _ in problem.neurons:
        if lif and (v >= p["v_th"] or p["v_reset"] >= p["v_th"]):
            return "not valid (potential above threshold)", None
    if not ENTRIES[0] <= sum(1 for _ in oracle.leaves(doc)) <= ENTRIES[1]:
        return "too few or too many differentiable numbers", None
    problem.out = Limited(problem.out, most + len(problem.inputs))
    try:
        spikes, segments = problem.run()
    except RuntimeError:
        return "too few or too many spikes", None
    if not least <= len(spikes) <= most:
        return "too few or too many spikes", None
    for pop in doc["network"]["populations"]:
        if pop["model"] == "lif" and not any(name == pop["name"] for _, name, _ in spikes):
            return "a population without spikes", None

    times = sorted(t for t, _, _ in spikes)
    if any(b - a < MIN_GAP for a, b in zip(times, times[1:])) or problem.t_end - times[-1] < MIN_GAP:
        return "spikes at equal times", None
    slope = oracle.mpf("inf")
    for t, name, k in spikes:
        j = problem.first[name] + k
        a, b, flow = next(s for s in segments[j] if s[1] == t)
        if abs(flow.V(b - a) / problem.neurons[j][3]["v_th"] - 1) > oracle.mpf(10) ** -CONVERGED:
            return "a spike at which the oracle's search has not converged", None
        slope = min(slope, flow.tm * flow.dV(b - a) / problem.neurons[j][3]["v_th"])
    if slope < MIN_SLOPE:
        return "a spike that nearly grazes the threshold", None
    for j, (name, k, lif, p, _, _) in enumerate(problem.neurons):
        own = {t for t, n, i in spikes if (n, i) == (name, k)}
        for a, b, flow in segments[j] if lif else ():
            s = flow.stationary()
            tops = [flow.V(s)] if s is not None and s < b - a else []
            tops += [] if b in own else [flow.V(b - a)]
            if any(abs(v / p["v_th"] - 1) < NEAR_MISS for v in tops):
                return "a potential that nearly reaches the threshold", None

    need, loss = o.get("need"), doc["loss"]
    read = [j for j, x in enumerate(problem.neurons) if x[0] == loss["population"]]
    if loss["type"] == "max_voltage_cross_entropy":
        arrivals = inner = 0
        for j in read:
            tops = {}                                       # time of a candidate -> (V, lies inside a segment)
            for a, b, flow in segments[j]:
                s = flow.stationary()
                tops[a], tops[b] = (flow.V(oracle.mpf(0)), False), (flow.V(b - a), False)
                if s is not None and s < b - a:
                    tops[a + s] = (flow.V(s), True)
            best = max(tops, key=lambda t: tops[t][0])
            order = sorted(tops)
            v = [tops[t][0] for t in order]
            for k, t in enumerate(order):                   # other local maxima
                local = (k == 0 or v[k] >= v[k - 1]) and (k + 1 == len(v) or v[k] >= v[k + 1])
                if t != best and local and tops[best][0] - v[k] < PEAK_GAP:
                    return "two maxima of V of nearly equal height", None
            if best == 0:
                return "a maximum of V at t = 0", None
            arrivals += not tops[best][1] and best != problem.t_end
            inner += tops[best][1]
        if need == "cusp" and not arrivals:
            return "the family's property is missing", None
    if need == "silent" and all(any(problem.first[n] + i == j for _, n, i in spikes) for j in read):
        return "the family's property is missing", None
    if need == "shallow" and slope > 0.12:
        return "the family's property is missing", None
    if need == "refractory" and not any(spikes[a][1:] == spikes[b][1:] for b in range(len(spikes)) for a in range(b)):
        return "the family's property is missing", None     # no neuron spikes twice
    return None, slope


def solve_case(task):
    """Case `n` of a family: its record for the partial file."""
    family, n = task
    started, discarded = time.process_time(), collections.Counter()
    for seed in range(ATTEMPTS * n, ATTEMPTS * (n + 1)):
        doc = generate(family, seed)
        why, slope = inspect(family, doc)
        if why is None:
            loss, order, spikes = oracle.solve(doc)
            gradient = {}
            for path in oracle.leaves(doc):
                d = derivative(doc, path, order)
                if d is None:
                    why = "the order of the spikes changes within the step"
                    break
                gradient["/".join(map(str, path))] = decimal(d)
            if why is None and sum(g != "0" for g in gradient.values()) < ALIVE * len(gradient):
                why = "nearly all derivatives are zero"
        if why is None:
            case = {"family": family, "seed": seed, "problem": doc, "loss": decimal(loss),
                    "spikes": [[name, k, decimal(t)] for t, name, k in spikes], "gradient": gradient}
            return {"case": case, "discarded": discarded, "slope": float(slope),
                    "seconds": round(time.process_time() - started, 2)}
        discarded[why] += 1
    raise SystemExit(f"{family} {n}: no problem found in {ATTEMPTS} attempts: {dict(discarded)}")


# --- driver ---------------------------------------------------------------------------------------------------------

def compact(x):
    return json.dumps(x, separators=(",", ":"))


def read_partial(path):
    done = {}
    if os.path.exists(path):
        for line in open(path):
            try:
                r = json.loads(line)
            except ValueError:          # the line that an interrupted run did not finish
                continue
            done[r["case"]["family"], r["case"]["seed"] // ATTEMPTS] = r
    return done


def summary(records):
    """Counts for the README, as Markdown."""
    rows, discarded = collections.OrderedDict(), collections.Counter()
    for r in records:
        row = rows.setdefault(r["case"]["family"], [0, 0, 0, 0, 0])
        grad = r["case"]["gradient"]
        row[0] += 1
        row[1] += len(grad)
        row[2] += sum(g != "0" for g in grad.values())
        row[3] += len(r["case"]["spikes"])
        row[4] += sum(r["discarded"].values())
        discarded.update(r["discarded"])
    print("| family | cases | entries | not zero | spikes | discarded |\n| --- | ---: | ---: | ---: | ---: | ---: |")
    for family, row in rows.items():
        print(f"| {family} | " + " | ".join(map(str, row)) + " |")
    print("| **all** | " + " | ".join(str(sum(row[k] for row in rows.values())) for k in range(5)) + " |\n")
    for why, count in discarded.most_common():
        print(f"* {count}: {why}")
    slopes = sorted(r["slope"] for r in records)
    print(f"\nleast slope at a spike, per case: smallest {slopes[0]:.3g}, first decile {slopes[len(slopes) // 10]:.3g},"
          f" median {slopes[len(slopes) // 2]:.3g}")
    print(f"processor seconds {sum(r['seconds'] for r in records):.0f}")


def check(cases, count):
    """Repeat `count` random entries at a finer precision and step."""
    rng = random.Random(0)
    set_precision(*CHECK)
    worst = collections.Counter()
    for _ in range(count):
        case = rng.choice(cases)
        doc = generate(case["family"], case["seed"])
        assert doc == case["problem"], (case["family"], case["seed"])
        path = rng.choice(list(oracle.leaves(doc)))
        d = derivative(doc, path, oracle.solve(doc)[1])
        name = "/".join(map(str, path))
        told = oracle.mpf(case["gradient"][name])
        off = float(abs(d - told) / abs(d)) if told else 0.0
        if not told and abs(d) > oracle.mpf(10) ** -FLOOR:
            off = 1.0
        if off > 1e-19:
            print(f"off by {off:.2g}: {case['family']} {case['seed']} {name}")
        worst[case["family"]] = max(worst[case["family"]], off)
    print(f"{count} entries at {CHECK[0]} digits: largest relative deviation {max(worst.values()):.2g}")


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--oracle", required=True, help="the oracle script")
    ap.add_argument("--out", required=True, help="the file to write")
    ap.add_argument("--cases", type=int, default=7, help="cases per family")
    ap.add_argument("--family", action="append", help="only this family (repeatable)")
    ap.add_argument("--jobs", type=int, default=1, choices=(1, 2), help="worker processes")
    ap.add_argument("--check", type=int, metavar="N", help="repeat N random entries of OUT at finer precision instead")
    ap.add_argument("--keep-partial", action="store_true", help="leave OUT.partial behind")
    args = ap.parse_args()

    load_oracle(args.oracle)
    if args.check:
        return check(json.load(open(args.out)), args.check)
    partial = args.out + ".partial"
    done = read_partial(partial)
    wanted = [(family, n) for n in range(args.cases) for family in args.family or FAMILIES]
    todo = [task for task in wanted if task not in done]
    with open(partial, "a") as log, multiprocessing.Pool(args.jobs, load_oracle, (args.oracle,)) as pool:
        for r in pool.imap_unordered(solve_case, todo):
            log.write(compact(r) + "\n")
            log.flush()
            c = r["case"]
            done[c["family"], c["seed"] // ATTEMPTS] = r
            print(f"{len(done)}/{len(wanted)} {c['family']} {c['seed']}: {len(c['gradient'])} entries, "
                  f"{len(c['spikes'])} spikes, {r['seconds']} s", file=sys.stderr, flush=True)
    place = {family: k for k, family in enumerate(FAMILIES)}
    records = [done[task] for task in sorted(wanted, key=lambda task: (place[task[0]], task[1]))]
    with open(args.out, "w") as f:
        f.write("[\n" + ",\n".join(compact(r["case"]) for r in records) + "\n]\n")
    summary(records)
    if not args.keep_partial:
        os.remove(partial)


if __name__ == "__main__":
    main()
