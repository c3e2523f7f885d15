//! Flows over many lengths of time, a column for each coefficient.
//!
//! Not here: the coefficients (`motion.rs`), and the motions that carry derivatives along (`numbers.rs`).

use super::{Lanes, Numbers, Propagator};
use pulp::{Arch, Simd, WithSimd};

/// Flows of neurons with K receptors.
#[derive(Clone, Debug)]
pub struct Flows<const K: usize> {
    membrane: Vec<f64>,
    current: [Vec<f64>; K],
    response: [Vec<f64>; K],
}

impl<const K: usize> Default for Flows<K> {
    fn default() -> Self {
        let [current, response] = [(); 2].map(|()| std::array::from_fn(|_| Vec::new()));
        Self { membrane: Vec::new(), current, response }
    }
}

impl<const K: usize> Flows<K> {
    /// Takes the flows over these lengths, in seconds: of neurons that share their motions, or each of one neuron.
    pub fn set(&mut self, numbers: &Numbers<K>, dt: &[f64]) {
        let Self { membrane, current, response } = self;
        let columns = std::iter::once(membrane).chain(current).chain(response);
        // Registers are stored whole.
        columns.for_each(|column| column.resize(super::padded(dt.len()), 0.0));
        Arch::new().dispatch(Set { flows: self, numbers, dt });
    }

    /// The flow over the length at position `k`.
    ///
    /// # Panics
    /// If there is no such length.
    #[must_use]
    #[inline]
    pub fn get(&self, k: usize) -> Propagator<K> {
        let mut flow = Propagator { membrane: self.membrane[k], ..Propagator::default() };
        for r in 0..K {
            (flow.current[r], flow.response[r]) = (self.current[r][k], self.response[r][k]);
        }
        flow
    }
}

struct Set<'a, const K: usize> {
    flows: &'a mut Flows<K>,
    numbers: &'a Numbers<K>,
    dt: &'a [f64],
}

impl<const K: usize> WithSimd for Set<'_, K> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { flows, numbers, dt } = self;
        numbers.each_length(
            simd,
            dt,
            #[inline(always)]
            |position, dt, mem, syn| {
                let Propagator { membrane, current, response } = Propagator::over(dt, mem, syn);
                let store = |column: &mut [f64], lanes: Lanes<S>| {
                    S::as_mut_simd_f64s(&mut column[position..]).0[0] = lanes.raw();
                };
                store(&mut flows.membrane, membrane);
                for r in 0..K {
                    store(&mut flows.current[r], current[r]);
                    store(&mut flows.response[r], response[r]);
                }
            },
        );
    }
}
