//! Averages of the potential that a loss reads: what they add to an adjoint on its way back, and to a gradient.
//!
//! Within the run an average pulls at the membrane all the time, with ∂L/∂V = (∂L/∂(average)) e^(−ρt)/T at the time t, where ρ is
//! the rate at which its weight fades; a mean has ρ = 0. A neuron may be read by several, each under its own weight.
//!
//! Not here: the integral over a length of free motion and its pullback (`spikegrad_dynamics`, eqs. 6 and 6a).

use spikegrad_dynamics::{Adjoint, NeuronAdjoint, Scalar, TimeConstants};
use spikegrad_network::{Readout, Time};

/// ∂L/∂(integral of V) for each neuron and weight.
#[derive(Clone, Debug)]
pub(crate) struct Integrals<T> {
    /// For each neuron the position of its first integral.
    first: Vec<Option<usize>>,
    all: Vec<Integral<T>>,
}

#[derive(Clone, Copy, Debug)]
struct Integral<T> {
    /// The rate at which the weight fades, per second.
    fading: f64,
    cotangent: T,
    /// Position of the neuron's next one.
    next: Option<usize>,
}

impl<T> Default for Integrals<T> {
    fn default() -> Self {
        Self { first: Vec::new(), all: Vec::new() }
    }
}

impl<T: Scalar> Integrals<T> {
    /// Nothing is read, of `neurons` neurons.
    pub(crate) fn reset(&mut self, neurons: usize) {
        self.all.clear();
        self.first.clear();
        self.first.resize(neurons, None);
    }

    /// The integral of `neuron` under a weight that fades at this rate is worth `cotangent`, more than so far.
    pub(crate) fn add(&mut self, neuron: usize, fading: f64, cotangent: T) {
        if cotangent.is_exactly_zero() {
            return;
        }
        let mut place = self.first[neuron];
        while let Some(k) = place {
            let integral = &mut self.all[k];
            if integral.fading.to_bits() == fading.to_bits() {
                integral.cotangent += cotangent;
                return;
            }
            place = integral.next;
        }
        let next = self.first[neuron].replace(self.all.len());
        self.all.push(Integral { fading, cotangent, next });
    }

    /// Whether any integral of `neuron` is worth something.
    pub(crate) fn reads(&self, neuron: usize) -> bool {
        self.first[neuron].is_some()
    }

    /// Adds what the integrals of `neuron` are worth over a free motion of length `dt` to the `adjoint` at its start, which is at
    /// `from`.
    pub(crate) fn pull_back<N: NeuronAdjoint<T>>(
        &self,
        neuron: usize,
        model: &N,
        (from, dt): (Time<T>, T),
        mut adjoint: Adjoint<N::State>,
        kept: &mut N::Averaging,
    ) -> Adjoint<N::State> {
        let mut place = self.first[neuron];
        while let Some(k) = place {
            let Integral { fading, cotangent, next } = self.all[k];
            let fading = T::from(fading);
            let worth = (-fading * from.rounded).exp() * cotangent;
            adjoint =
                model.add_adjoints(adjoint, model.integral_pullback(worth, (dt, fading), kept));
            place = next;
        }
        adjoint
    }
}

/// Adds what the parameters of a neuron get from ∂L/∂(an average of its potential) = `cotangent`, where the run ends at `end` and
/// the weight fades at the rate `fading`.
pub(crate) fn average_pullback<T: Scalar, N: NeuronAdjoint<T>>(
    model: &N,
    readout: &Readout<T>,
    (fading, cotangent): (f64, T),
    end: T,
    gradient: &mut N::Gradient,
) {
    // The average is the integral divided by the end; its recorded tangent is that of the average.
    let TimeConstants { tau_mem, tau_syn } = readout.tangent;
    let tangent = TimeConstants { tau_mem: tau_mem * end, tau_syn: tau_syn * end };
    model.whole_integral_pullback(cotangent / end, (end, fading.into()), tangent, gradient);
}
