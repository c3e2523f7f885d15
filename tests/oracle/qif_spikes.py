#!/usr/bin/env python3
"""Checks next spike times of `qif` against its closed form in Bessel functions, to as many digits as it takes.

Reads lines of `tau_mem tau_syn i_bias y y' I time`, as `cargo run --release -p spikegrad-bench --example qif_states` writes them, and prints the worst
relative errors and how many spike. It fails where a spike is missed, there is one that should not be, or a time is wrong by more than 1e-13 of it.
With "--digits N" (default 40) all is computed with so many digits beyond those that cancel.

In membrane time constants s, with r = tau_mem/tau_syn exactly, V = -y'/y makes y'' + y' + (I e^(-r s) + b) y = 0, and y = e^(-s/2) w

    w'' + Q w = 0,      Q(s) = I e^(-r s) + b - 1/4,      w = A F_nu(z) + B F_-nu(z),      z = e^(-r s),      nu = sqrt(1 - 4 b)/r,

F_nu(z) = z^(nu/2) sum_k (-I z/r^2)^k/(k! (1 + nu)_k) being a Bessel function of order nu and argument 2 sqrt(I z)/r but for a factor. Signs are counted by
Sturm's comparison: two zeros of w are at least pi/sqrt(max Q) apart, and where Q <= 0 there is one at most.

Not here: anything that the engine does (it sums a series in 1 - e^(-r s), piece by piece). Needs gmpy2.
"""

import sys

import gmpy2
from gmpy2 import mpc, mpfr

BOUND = 1e-13


class Course:
    """The solution from a state, on the time of the membrane."""

    def __init__(self, r, b, y, dy, i, digits):
        self.r, self.b, self.i = r, b, i
        size = 2 * gmpy2.sqrt(abs(self.i)) / self.r
        # The terms of a series grow to e^size, and two solutions may cancel by as much again, as z^nu does.
        root = 1 - 4 * self.b
        order = gmpy2.sqrt(abs(root)) / self.r
        bits = int(3.33 * digits + 1.4427 * (4 * size + 3 * order)) + 150
        gmpy2.get_context().precision = bits
        root = 1 - 4 * self.b
        self.is_real = root > 0
        self.nu = gmpy2.sqrt(root if self.is_real else mpc(root)) / self.r
        self.eps = mpfr(2) ** -bits
        w, dw = y, dy + y / 2
        # Of two solutions the Wronskian by s is r nu, with the sign of W = F G' - F' G.
        (f, df), (g, dg) = self.pair(mpfr(0))
        wronskian = f * dg - df * g
        self.a, self.c = (w * dg - dw * g) / wronskian, (f * dw - df * w) / wronskian

    def solution(self, nu, s):
        """F and dF/ds."""
        z = gmpy2.exp(-self.r * s)
        x = -self.i * z / self.r**2
        term = gmpy2.exp(-self.r * s * nu / 2)
        total, weighted, k = term, term * nu / 2, 0
        while True:
            k += 1
            term = term * x / (k * (k + nu))
            total += term
            weighted += (k + nu / 2) * term
            if abs(term) * (k + abs(nu)) <= self.eps * abs(weighted) and k > abs(x) / 2:
                return total, -self.r * weighted

    def pair(self, s):
        f = self.solution(self.nu, s)
        if not self.is_real:
            return f, tuple(x.conjugate() for x in f)
        return f, self.solution(-self.nu, s)

    def at(self, s):
        """w and dw/ds."""
        (f, df), (g, dg) = self.pair(s)
        w, dw = self.a * f + self.c * g, self.a * df + self.c * dg
        return (w, dw) if self.is_real else (w.real, dw.real)

    def q(self, s):
        return self.i * gmpy2.exp(-self.r * s) + self.b - mpfr(1) / 4

    def first_zero(self, is_positive):
        """Two times between which there is the first zero of w, and no other; None if there is none."""
        s = mpfr(0)
        while True:
            # Q is monotone: what is largest from here on is at one of its ends.
            highest = max(self.q(s), self.b - mpfr(1) / 4)
            if highest <= 0:
                return self.last_zero(s)
            if self.i > 0:
                length = 3 / gmpy2.sqrt(self.q(s)) if self.q(s) > 0 else None
            else:
                length = 3 / gmpy2.sqrt(highest)
            if length is None:
                return self.last_zero(s)
            if self.i > 0 and self.b < mpfr(1) / 4:
                # Not beyond the place where Q vanishes by more than it takes to be there.
                vanishes = gmpy2.log(self.i / (mpfr(1) / 4 - self.b)) / self.r
                if s + length >= vanishes:
                    length = vanishes - s + self.eps * 2**40
            end = s + length
            if (self.at(end)[0] > 0) != is_positive:
                return s, end
            s = end

    def last_zero(self, s):
        """Where Q <= 0 from s on: w has one zero at most, and the sign at infinity tells. There the solution of order -nu leads."""
        positive = self.at(s)[0] > 0 if s > 0 else True
        if (self.c > 0) == positive:
            return None
        length = mpfr(1)
        while (self.at(s + length)[0] > 0) == positive:
            length *= 2
        return s, s + length


def check(line, digits):
    """Relative error of the time of a line, or None if neither side has a spike; what is wrong is an exception."""
    *numbers, found = line.split()
    # Enough for the ratio of two doubles; a course takes as many bits as it needs.
    gmpy2.get_context().precision = 4000
    tau_mem, tau_syn, b, y, dy, i = (mpfr(float(number)) for number in numbers)
    course = Course(tau_mem / tau_syn, b, y, dy, i, digits)
    bracket = course.first_zero(True)
    if bracket is None:
        if found != "none":
            raise ValueError(f"a spike that is none: {line}")
        return None
    if found == "none":
        raise ValueError(f"a spike is missed, between {float(bracket[0])} and {float(bracket[1])} tau_mem: {line}")
    s = mpfr(float(found)) / tau_mem
    low, high = bracket
    if not low * (1 - mpfr(BOUND)) <= s <= high * (1 + mpfr(BOUND)):
        raise ValueError(f"not the first spike, which is between {float(low)} and {float(high)} tau_mem: {line}")
    # Newton's method; the first step is the error.
    start = s
    for _ in range(3):
        w, dw = course.at(s)
        s -= w / dw
        if s == 0:
            break
    return float(abs(start - s) / s)


def main():
    arguments = sys.argv[1:]
    digits = int(arguments[arguments.index("--digits") + 1]) if "--digits" in arguments else 40
    spikes, silent, failures, above, worst = 0, 0, 0, 0, []
    for line in sys.stdin:
        try:
            error = check(line.strip(), digits)
        except ValueError as wrong:
            failures += 1
            print(wrong, flush=True)
            continue
        if error is None:
            silent += 1
            continue
        spikes += 1
        above += error > BOUND
        worst.append((error, line.strip()))
        worst = sorted(worst, key=lambda entry: -entry[0])[:12]
    print(f"{spikes} spike, {silent} do not, {failures} are wrong, and {above} times by more than {BOUND}. Largest errors:")
    for error, line in worst:
        print(f"  {error:.2e}  {line}")
    sys.exit(1 if failures or above else 0)


if __name__ == "__main__":
    main()
