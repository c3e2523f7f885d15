#!/usr/bin/env python3
"""Make `grazing.json`, `close_taus.json` and `excursions.json`: one neuron, one input, 90-digit expectations.

    python3 tests/data/make_ladders.py tests/data

All three state single neurons in units of 1 for the threshold and milliseconds for time.  The crossing of
tau_mem V' = rest - V + I, tau_syn I' = -I is found by bisection and Newton's method from the textbook difference of two
exponentials at DIGITS digits; a derivative is a central difference of that crossing with a relative step of 10^-STEP.
Nothing is shared with the engine but the equation.  Deterministic: the seed stands below.  Needs mpmath.
"""
import json
import pathlib
import random
import sys

from mpmath import exp, log, mp, mpf, nstr

DIGITS, STEP = 110, 35
SEED = 20
mp.dps = DIGITS


class Course:
    """V(t) - threshold of a neuron left alone from (v, i) at time 0."""

    def __init__(self, tau_mem, tau_syn, v, i, rest=0, threshold=1):
        self.tm, self.ts, self.i, self.rest, self.th = map(mpf, (tau_mem, tau_syn, i, rest, threshold))
        self.v = mpf(v)

    def height(self, t):
        tm, ts = self.tm, self.ts
        kernel = t / tm * exp(-t / tm) if tm == ts else ts / (tm - ts) * (exp(-t / tm) - exp(-t / ts))
        return self.rest + (self.v - self.rest) * exp(-t / tm) + self.i * kernel - self.th

    def rate(self, t):
        return (self.rest - self.height(t) - self.th + self.i * exp(-t / self.ts)) / self.tm

    def peak(self):
        """Time of the maximum; the current must be larger than v - rest and positive."""
        tm, ts, v = self.tm, self.ts, self.v - self.rest
        if tm == ts:
            return tm * (1 - v / self.i)
        b = self.i * ts / (tm - ts)
        return log(b * tm / ((v + b) * ts)) / (1 / ts - 1 / tm)

    def crossing(self):
        """First upward crossing, or None; exactly touching counts as None."""
        lo, hi = mpf(0), self.peak()
        if self.height(hi) <= 0:
            return None
        for _ in range(60):
            mid = (lo + hi) / 2
            lo, hi = (mid, hi) if self.height(mid) < 0 else (lo, mid)
        t = (lo + hi) / 2
        for _ in range(200):
            n = t - self.height(t) / self.rate(t)
            n = n if lo < n < hi else (lo + hi) / 2
            lo, hi = (n, hi) if self.height(n) < 0 else (lo, n)
            if abs(n - t) < mpf(10) ** (12 - DIGITS) * t:
                return n
            t = n
        raise RuntimeError("no convergence")


def derivative(course_of, x):
    h = mpf(10) ** -STEP * mpf(x)
    return (course_of(mpf(x) + h).crossing() - course_of(mpf(x) - h).crossing()) / (2 * h)


def digits(x):
    return None if x is None else float(nstr(x, 25))


def from_rest(tau_mem, tau_syn, weight):
    """[tau_mem, tau_syn, weight, t, dt/dweight, dt/dtau_mem, dt/dtau_syn, height of the peak]; t null: silent."""
    at = Course(tau_mem, tau_syn, 0, weight)
    t, height = at.crossing(), at.height(at.peak())
    by = [None] * 3
    if t is not None:
        by = [derivative(lambda w: Course(tau_mem, tau_syn, 0, w), weight),
              derivative(lambda x: Course(x, tau_syn, 0, weight), tau_mem),
              derivative(lambda x: Course(tau_mem, x, 0, weight), tau_syn)]
    return [tau_mem, tau_syn, weight] + [digits(x) for x in [t, *by, height]]


def touch_weight(tau_mem, tau_syn):
    """The weight at which the peak from rest just reaches a threshold of 1."""
    return 1 / (Course(tau_mem, tau_syn, 0, 1).height(Course(tau_mem, tau_syn, 0, 1).peak()) + 1)


def neighbour(x, ulps):
    """The double `ulps` places from x."""
    import struct
    return struct.unpack("<d", struct.pack("<q", struct.unpack("<q", struct.pack("<d", x))[0] + ulps))[0]


def grazing():
    """Row A5: a ladder of excesses down to single doubles around the touch, for seven ratios of the time constants."""
    for tau_mem in (20.0, 10.0, 5.0, 2.5, 1.25, 5.0 * (1 + 1e-9), 500.0):
        touch = touch_weight(tau_mem, 5.0)
        weights = {float(touch * (1 + sign * mpf(10) ** -k)) for k in range(1, 16) for sign in (1, -1)}
        weights |= {neighbour(float(touch), n) for n in (-8, -4, -2, -1, 0, 1, 2, 4, 8)}
        for weight in sorted(weights):
            if abs(weight / touch - 1) > mpf(10) ** -50:    # an exact touch (weight 4 at a ratio of 2) is row A2
                yield from_rest(tau_mem, 5.0, weight)


def close_taus():
    """Rows B2 and B3: tau_mem = tau_syn (1 ± 2^-k), and the decades 1e-3 … 1e-14."""
    for factor in [1 + sign * 2.0 ** -k for k in range(1, 53) for sign in (1, -1)] + \
                  [1 + sign * 10.0 ** -k for k in range(3, 15) for sign in (1, -1)] + [1.0]:
        yield from_rest(4.0 * factor, 4.0, 6.0)


def excursions():
    """Row A6: [tau_mem, tau_syn, v, rest, t_in, weight, t of the spike, time above the threshold, silent weight].

    The peak after the arrival lies above the threshold by 1e-3 … 1e-12, and for the silent weight below it by as much.
    """
    rng = random.Random(SEED)
    pairs = [(20.0, 5.0), (10.0, 5.0), (5.0, 5.0), (20.0, 10.0), (10.0, 1.0), (100.0, 1.0), (20.0, 0.5), (15.0, 2.0),
             (5.0, 10.0), (2.0, 8.0), (10.0, 9.9999), (50.0, 0.1)]
    for tau_mem, tau_syn in pairs:
        for _ in range(32):
            v, rest = rng.uniform(0.3, 0.999), rng.choice((0.0, rng.uniform(-0.5, 0.95)))
            t_in = rng.uniform(0.01, 10)
            excess = mpf(10) ** mpf(rng.uniform(-12, -3))
            before = Course(tau_mem, tau_syn, v, 0, rest).height(mpf(t_in)) + 1
            after = lambda weight: Course(tau_mem, tau_syn, before, weight, rest)
            # The height of the peak rises with the weight: bisect for the two weights.
            def solve(height):
                # Below the first there is no maximum: V falls, or rises towards rest.
                least = max(mpf(0), before - rest, (rest - before) * (mpf(tau_mem) / mpf(tau_syn) - 1))
                lo, hi = least * (1 + mpf(10) ** -30) + mpf(10) ** -30, mpf(1000)
                for _ in range(100):
                    mid = (lo + hi) / 2
                    lo, hi = (mid, hi) if after(mid).height(after(mid).peak()) < height else (lo, mid)
                return float(lo)
            weight, silent = solve(excess), solve(-excess)
            course = after(weight)
            t, peak = course.crossing(), course.peak()
            assert t is not None and after(silent).crossing() is None
            lo, hi = peak, peak + 1000
            for _ in range(60):
                mid = (lo + hi) / 2
                lo, hi = (mid, hi) if course.height(mid) > 0 else (lo, mid)
            yield [tau_mem, tau_syn, v, rest, t_in, weight, digits(t + mpf(t_in)), float(nstr(lo - t, 6)), silent]


def main():
    folder = pathlib.Path(sys.argv[1])
    for rows in (grazing, close_taus, excursions):
        lines = ",\n".join(json.dumps(row) for row in rows())
        (folder / f"{rows.__name__}.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
