//! Averages of the potential that a loss reads: what they add to an adjoint on its way back, and to a gradient.
//!
//! Within the run an average pulls at the membrane while it is free, with ∂L/∂V = (∂L/∂(average)) e^(−ρt)/T at the time t, where ρ is
//! the rate at which its weight fades; a mean has ρ = 0. That is what adjoints take up on their way back ([`Integrals::pull_back`]).
//! The rest does not depend on an adjoint and is taken from the trace alone ([`Integrals::share`]): the parameters' part of each
//! stretch, from a start of the membrane to its next spike, and of each clamp; and a spike that comes later by δ keeps V at the
//! threshold, rather than at the reset value, for δ (docs/mathematics.md, eqs. 25 to 25b). A neuron may be read by several averages, each under its
//! own weight.
//!
//! Not here: the integral over a length of free motion and its pullback (`spikegrad_dynamics`, eqs. 6 and 6a).

use spikegrad_dynamics::{Adjoint, GeneralNeuron, NeuronAdjoint, Scalar, Vector};
use spikegrad_network::{Time, Trace};

/// ∂L/∂(integral of V) for each neuron and weight.
#[derive(Clone, Debug)]
pub(crate) struct Integrals<T> {
    /// For each neuron the position of its first integral.
    first: Vec<Option<usize>>,
    all: Vec<Integral<T>>,
    /// For each neuron, when its membrane last started, if from a reset.
    started: Vec<Option<Time<T>>>,
}

#[derive(Clone, Copy, Debug)]
struct Integral<T> {
    /// The rate at which the weight fades, per second.
    decay_rate: f64,
    cotangent: T,
    /// Position of the neuron's next one.
    next: Option<usize>,
}

impl<T> Default for Integrals<T> {
    fn default() -> Self {
        Self { first: Vec::new(), all: Vec::new(), started: Vec::new() }
    }
}

impl<T: Scalar> Integrals<T> {
    /// Nothing is read, of `neurons` neurons.
    pub(crate) fn reset(&mut self, neurons: usize) {
        self.all.clear();
        self.first.clear();
        self.first.resize(neurons, None);
    }

    /// The derivative of the loss by the integral of `neuron` under a weight that decays at this rate is more by `cotangent`.
    pub(crate) fn add(&mut self, neuron: usize, decay_rate: f64, cotangent: T) {
        if cotangent.is_exactly_zero() {
            return;
        }
        let mut place = self.first[neuron];
        while let Some(k) = place {
            let integral = &mut self.all[k];
            if integral.decay_rate.to_bits() == decay_rate.to_bits() {
                integral.cotangent += cotangent;
                return;
            }
            place = integral.next;
        }
        let next = self.first[neuron].replace(self.all.len());
        self.all.push(Integral { decay_rate, cotangent, next });
    }

    /// Whether the loss reads any integral of `neuron`.
    pub(crate) fn reads(&self, neuron: usize) -> bool {
        self.first[neuron].is_some()
    }

    /// Adds what the integrals of `neuron` give over a free motion of length `dt` to the `adjoint` at its start, which is at
    /// `from`.
    pub(crate) fn pull_back<N: NeuronAdjoint<T>>(
        &self,
        neuron: usize,
        model: &N,
        (from, dt): (Time<T>, T),
        mut adjoint: Adjoint<N::State>,
        cache: &mut N::Averaging,
    ) -> Adjoint<N::State> {
        self.for_each(neuron, from, |decay_rate, cotangent| {
            let part = model.integral_pullback(cotangent, (dt, decay_rate), cache);
            adjoint = model.add_adjoints(adjoint, part);
        });
        adjoint
    }

    /// The same over a motion, free or held, of a neuron that is not linear, from `state`; its parameters take their share at once.
    pub(crate) fn pull_back_taped(
        &self,
        neuron: usize,
        general: &GeneralNeuron<T>,
        state: Vector<T>,
        (from, dt, is_held): (Time<T>, T, bool),
        (mut adjoint, gradient): (Vector<T>, &mut [T]),
    ) -> Vector<T> {
        self.for_each(neuron, from, |decay_rate, cotangent| {
            let over = (dt, decay_rate);
            let part = general.integral_pullback(state, over, is_held, cotangent, gradient);
            adjoint.iter_mut().zip(part).for_each(|(into, x)| *into += x);
        });
        adjoint
    }

    /// Calls `each` with the rate and ∂L/∂(integral from `from` on, under a weight of 1 there) of each integral of `neuron`.
    pub(crate) fn for_each(&self, neuron: usize, from: Time<T>, mut each: impl FnMut(T, T)) {
        let mut place = self.first[neuron];
        while let Some(k) = place {
            let Integral { decay_rate, cotangent, next } = self.all[k];
            let decay_rate = T::from(decay_rate);
            each(decay_rate, (-decay_rate * from.rounded).exp() * cotangent);
            place = next;
        }
    }

    /// Adds what the parameters of the neurons, whose integrals these are, get directly, and what the times of their spikes do; `spikes` are the
    /// latter, each its neuron's index and its position in the trace. `model` knows no neuron whose parameters take their share stretch by stretch.
    pub(crate) fn share<'m, N: NeuronAdjoint<T> + 'm>(
        &mut self,
        model: impl Fn(usize) -> Option<&'m N>,
        (trace, spikes): (&Trace<T>, impl Iterator<Item = (usize, usize)>),
        times: &mut [T],
        gradients: &mut [N::Gradient],
    ) {
        if self.all.is_empty() {
            return;
        }
        self.started.clear();
        self.started.resize(gradients.len(), None);
        let end = Time::from(T::from(trace.stimulus.t_end()));
        for (n, k) in spikes {
            let at = trace.spikes[k].at();
            let Some(model) = model(n).filter(|_| self.reads(n)) else { continue };
            let release = at.after(model.refractory());
            let until = if release.rounded.re() > end.rounded.re() { end } else { release };
            let gradient = &mut gradients[n];
            self.share_of_stretch(n, model, at, gradient);
            self.for_each(n, at, |decay_rate, cotangent| {
                times[k] += cotangent * model.drop_at_spike();
                let over = (until.since(at), decay_rate);
                model.clamped_integral_pullback(cotangent, over, gradient);
            });
            self.started[n] = Some(release);
        }
        for (n, gradient) in gradients.iter_mut().enumerate() {
            let Some(model) = model(n) else { continue };
            let is_free = self.started[n].is_none_or(|t| t.rounded.re() <= end.rounded.re());
            if is_free && self.reads(n) {
                self.share_of_stretch(n, model, end, gradient);
            }
        }
    }

    /// The free motion of a neuron up to `until`.
    fn share_of_stretch<N: NeuronAdjoint<T>>(
        &self,
        n: usize,
        model: &N,
        until: Time<T>,
        gradient: &mut N::Gradient,
    ) {
        let (started, zero) = (self.started[n], Time::from(T::from(0.0)));
        let from = started.unwrap_or(zero);
        self.for_each(n, from, |decay_rate, cotangent| {
            let over = (until.since(from), decay_rate);
            model.free_integral_pullback(cotangent, over, started.is_some(), gradient);
        });
    }
}
