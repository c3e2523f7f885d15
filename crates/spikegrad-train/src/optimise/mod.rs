//! How parameters move: a step of an optimiser, and what is done to gradients and parameters around it.
//!
//! An [`Optimiser`] knows one flat vector of numbers, whatever they mean. Parts of the vector may have learning rates of
//! their own, and everything it remembers can be read, so that a checkpoint can hold it and a resumed run goes on with the
//! same bits. With η the learning rate of a parameter θ and g its derivative, a step is
//!
//! ```text
//! sgd          b ← μ b + g,   θ ← θ − η b,   with nesterov θ ← θ − η (g + μ b)
//! adam         m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²
//!              θ ← θ − η m̂ / (√v̂ + ε) − η λ θ
//! ada-belief   m ← β₁ m + (1 − β₁) g,   s ← β₂ s + (1 − β₂) (g − m)² + ε
//!              θ ← θ − η m̂ / (√ŝ + ε) − η λ θ
//! ```
//!
//! where m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ), ŝ = s/(1 − β₂ᵗ) in step t = 1, 2, …, and λ is the weight decay, of the parts that decay.
//! b, m, v and s are zero where they would be smaller than 1e-290.
//!
//! - **sgd**: I. Sutskever, J. Martens, G. Dahl and G. Hinton, *On the importance of initialization and momentum in deep
//!   learning*, ICML 2013. There the momentum holds steps, here it holds gradients: a change of η acts at once on all of it.
//! - **adam**: D. P. Kingma and J. L. Ba, *Adam: a method for stochastic optimization*, ICLR 2015, Algorithm 1; with λ it is
//!   `AdamW`, I. Loshchilov and F. Hutter, *Decoupled weight decay regularization*, ICLR 2019, Algorithm 2. Its decay
//!   is scaled by the schedule alone, here by the whole learning rate, as programs have come to do: our λ is theirs divided by
//!   the first learning rate.
//! - **ada-belief**: J. Zhuang et al., *`AdaBelief` optimizer*, `NeurIPS` 2020 (arXiv:2010.07468), Algorithm 2. The ε within s
//!   stays in it and adds up to ε/(1 − β₂); it has the unit of a squared gradient there, and of a gradient beside the root.
//!
//! Not here: the learning rate at a time of the run (`schedule.rs`), gradients that are too long (`clip.rs`), parameters
//! that must not be negative (`constraint.rs`), the average of the parameters (`average.rs`).

mod average;
mod clip;
mod config;
mod constraint;
mod rules;
mod schedule;

pub use average::Average;
pub use clip::{clip_to_norm, norm};
pub use config::{Decays, OptimiserConfig};
pub use constraint::Constraint;
pub use schedule::{Schedule, Shape};

use rayon::prelude::*;
use rules::Moments;

/// Consecutive parameters that move by one rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Number of parameters.
    pub length: usize,
    /// Their learning rate in this step.
    pub rate: f64,
    /// Whether a weight decay acts on them.
    pub decays: bool,
}

/// An optimiser's memory of one flat vector of parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimiser {
    config: OptimiserConfig,
    /// One vector for each of the memory's names.
    memory: Vec<Vec<f64>>,
    steps: u64,
}

impl Optimiser {
    /// Starts without memory, for `n_parameters` parameters.
    #[must_use]
    pub fn new(config: OptimiserConfig, n_parameters: usize) -> Self {
        let memory = config.memory_names().iter().map(|_| vec![0.0; n_parameters]).collect();
        Self { config, memory, steps: 0 }
    }

    /// Goes on where an earlier optimiser stopped, after `steps` steps.
    ///
    /// `memory` is in the order of [`OptimiserConfig::memory_names`]. Returns `None` if there are not as many vectors as
    /// names, or if they differ in length.
    #[must_use]
    pub fn resume(config: OptimiserConfig, memory: Vec<Vec<f64>>, steps: u64) -> Option<Self> {
        let fits = memory.len() == config.memory_names().len()
            && memory.iter().all(|one| one.len() == memory[0].len());
        fits.then_some(Self { config, memory, steps })
    }

    /// Moves `parameters` one step against `gradient`.
    ///
    /// `paces` divides the vector into consecutive parts.
    ///
    /// # Panics
    ///
    /// If the parts, `parameters`, `gradient` and what the optimiser was made for are not all of one length.
    pub fn step(&mut self, paces: &[Pace], parameters: &mut [f64], gradient: &[f64]) {
        let n = parameters.len();
        assert_eq!(gradient.len(), n, "one derivative a parameter");
        let in_parts: usize = paces.iter().map(|pace| pace.length).sum();
        assert_eq!(in_parts, n, "one learning rate a parameter");
        assert!(self.memory.iter().all(|one| one.len() == n), "parameters of another optimiser");
        self.steps += 1;
        let mut start = 0;
        for &Pace { length, rate, decays } in paces {
            let part = start..start + length;
            start = part.end;
            let (own, g) = (&mut parameters[part.clone()], &gradient[part.clone()]);
            let mut memory = self.memory.iter_mut().map(|one| &mut one[part.clone()]);
            let mut next = || memory.next().expect("`new` and `resume` see to its vectors");
            match self.config {
                OptimiserConfig::Sgd { momentum: 0.0, .. } => rules::descent(rate, own, g),
                OptimiserConfig::Sgd { momentum, nesterov } => {
                    rules::momentum(rate, own, g, next(), momentum, nesterov);
                }
                OptimiserConfig::Adam { beta1, beta2, epsilon, weight_decay, .. } => {
                    rules::decay(if decays { rate * weight_decay } else { 0.0 }, own);
                    pieces(
                        own,
                        g,
                        [next(), next()],
                        Moments::adam([beta1, beta2], epsilon, rate, self.steps),
                    );
                }
                OptimiserConfig::AdaBelief { beta1, beta2, epsilon, weight_decay, .. } => {
                    rules::decay(if decays { rate * weight_decay } else { 0.0 }, own);
                    pieces(
                        own,
                        g,
                        [next(), next()],
                        Moments::ada_belief([beta1, beta2], epsilon, rate, self.steps),
                    );
                }
            }
        }
    }

    /// Returns which optimiser this is.
    #[must_use]
    pub fn config(&self) -> &OptimiserConfig {
        &self.config
    }

    /// Returns what is remembered of each parameter, in the order of [`OptimiserConfig::memory_names`].
    #[must_use]
    pub fn memory(&self) -> &[Vec<f64>] {
        &self.memory
    }

    /// Returns the number of steps taken.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }
}

/// Parameters that one thread updates at a time.
const PIECE: usize = 1 << 14;

/// Steps piece by piece, on all threads: each parameter's step is its own, so that their number changes no bit.
fn pieces(
    parameters: &mut [f64],
    gradient: &[f64],
    [first, second]: [&mut [f64]; 2],
    moments: Moments,
) {
    let memory = first.par_chunks_mut(PIECE).zip(second.par_chunks_mut(PIECE));
    let own = parameters.par_chunks_mut(PIECE).zip(gradient.par_chunks(PIECE));
    own.zip(memory).for_each(|((own, g), (first, second))| moments.step(own, g, [first, second]));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A few operations on numbers of size one, each rounded once; 1 − β₂ᵗ loses three digits.
    const ROUNDING: f64 = 1e-12;

    const PACES: [Pace; 2] =
        [Pace { length: 1, rate: 0.1, decays: true }, Pace { length: 1, rate: 0.05, decays: true }];

    const PLAIN: OptimiserConfig = OptimiserConfig::Sgd { momentum: 0.0, nesterov: false };
    const HEAVY: OptimiserConfig = OptimiserConfig::Sgd { momentum: 0.9, nesterov: false };
    const AHEAD: OptimiserConfig = OptimiserConfig::Sgd { momentum: 0.9, nesterov: true };

    fn adam(weight_decay: f64) -> OptimiserConfig {
        let decays = Decays::All;
        OptimiserConfig::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay, decays }
    }

    fn ada_belief(weight_decay: f64) -> OptimiserConfig {
        let decays = Decays::All;
        OptimiserConfig::AdaBelief { beta1: 0.9, beta2: 0.999, epsilon: 1e-4, weight_decay, decays }
    }

    fn all() -> [OptimiserConfig; 7] {
        [PLAIN, HEAVY, AHEAD, adam(0.0), adam(0.2), ada_belief(0.0), ada_belief(0.2)]
    }

    /// Descends ½ (x² + 10 y²), whose gradient is (x, 10 y).
    fn descend(optimiser: &mut Optimiser, parameters: &mut [f64; 2], steps: usize) {
        for _ in 0..steps {
            let gradient = [parameters[0], 10.0 * parameters[1]];
            optimiser.step(&PACES, parameters, &gradient);
        }
    }

    /// Five steps from (1, −2), at the rates 0.1 for x and 0.05 for y.
    ///
    /// Expected values are from Python's `decimal` at 40 digits: the formulas of the file's head, a number at a time.
    #[track_caller]
    fn check_steps(config: OptimiserConfig, expected: [[f64; 2]; 5]) {
        let mut parameters = [1.0, -2.0];
        let mut optimiser = Optimiser::new(config, 2);
        for row in expected {
            descend(&mut optimiser, &mut parameters, 1);
            for (found, expected) in parameters.iter().zip(row) {
                assert!((found - expected).abs() < ROUNDING, "{found} {expected}");
            }
        }
        assert_eq!(optimiser.steps(), 5);
        assert_eq!(optimiser.memory().len(), config.memory_names().len());
    }

    #[test]
    fn gradient_descent_takes_the_published_steps() {
        check_steps(
            PLAIN,
            [[0.9, -1.0], [0.81, -0.5], [0.729, -0.25], [0.6561, -0.125], [0.59049, -0.0625]],
        );
        check_steps(
            HEAVY,
            [[0.9, -1.0], [0.72, 0.4], [0.486, 1.46], [0.2268, 1.684], [-0.02916, 1.0436]],
        );
        check_steps(
            AHEAD,
            [
                [0.81, -0.1],
                [0.5751, 0.805],
                [0.327_321, 0.809_75],
                [0.093_887_91, 0.407_012_5],
                [-0.104_581_683_9, 0.022_274_375],
            ],
        );
    }

    #[test]
    fn adam_takes_the_published_steps() {
        check_steps(
            adam(0.0),
            [
                [0.900_000_001, -1.950_000_000_025],
                [0.800_412_229_712_337_4, -1.900_036_997_464_723],
                [0.701_586_274_504_414_2, -1.850_136_922_057_891_7],
                [0.603_939_062_682_106_6, -1.800_326_610_042_758_5],
                [0.507_963_661_927_219_5, -1.750_633_764_606_690_6],
            ],
        );
        check_steps(
            adam(0.2),
            [
                [0.880_000_001, -1.930_000_000_025],
                [0.762_935_194_552_970_6, -1.860_754_350_166_058_7],
                [0.649_203_269_962_305_1, -1.792_293_653_020_727_9],
                [0.539_282_353_872_737_6, -1.724_649_567_970_790_5],
                [0.433_738_161_673_901, -1.657_854_730_836_389_2],
            ],
        );
    }

    #[test]
    fn ada_belief_takes_the_published_steps() {
        check_steps(
            ada_belief(0.0),
            [
                [0.895_182_504_186_956_6, -1.944_453_324_393_608],
                [0.786_887_321_291_393_6, -1.886_118_093_798_314_8],
                [0.676_095_947_845_794_6, -1.825_018_967_861_312_3],
                [0.564_150_627_779_565_9, -1.761_209_876_477_007_9],
                [0.452_763_477_419_178, -1.694_777_835_523_82],
            ],
        );
        check_steps(
            ada_belief(0.2),
            [
                [0.875_182_504_186_956_6, -1.924_453_324_393_608],
                [0.749_683_480_999_747, -1.846_897_171_878_961_3],
                [0.624_739_071_724_110_2, -1.767_400_594_394_266_5],
                [0.501_983_121_073_295_4, -1.686_069_123_906_146_6],
                [0.383_410_177_936_349_1, -1.603_049_223_156_909_6],
            ],
        );
    }

    #[test]
    fn a_resumed_optimiser_takes_the_same_steps_to_the_bit() {
        for config in all() {
            let (mut through, mut halved) = ([1.0, -2.0], [1.0, -2.0]);
            descend(&mut Optimiser::new(config, 2), &mut through, 20);

            let mut first = Optimiser::new(config, 2);
            descend(&mut first, &mut halved, 11);
            let mut second =
                Optimiser::resume(*first.config(), first.memory().to_vec(), first.steps()).unwrap();
            descend(&mut second, &mut halved, 9);
            assert_eq!(through.map(f64::to_bits), halved.map(f64::to_bits), "{config:?}");
        }
    }

    #[test]
    fn a_memory_of_another_shape_is_not_resumed() {
        assert!(Optimiser::resume(adam(0.0), vec![vec![0.0; 2]], 1).is_none());
        assert!(Optimiser::resume(adam(0.0), vec![vec![0.0; 2], vec![0.0; 3]], 1).is_none());
        assert!(Optimiser::resume(PLAIN, vec![vec![0.0; 2]], 1).is_none());
        assert!(Optimiser::resume(PLAIN, vec![], 1).is_some());
    }

    #[test]
    fn a_mean_of_gradients_that_are_gone_comes_to_zero() {
        // 0.999ⁿ is 1e-290 after 667,418 steps.
        for (config, steps) in [(HEAVY, 7_000), (AHEAD, 7_000), (adam(0.0), 670_000)] {
            let (mut optimiser, mut parameters) = (Optimiser::new(config, 2), [1.0, -2.0]);
            optimiser.step(&PACES, &mut parameters, &[0.5, -0.3]);
            (0..steps).for_each(|_| optimiser.step(&PACES, &mut parameters, &[0.0; 2]));
            assert!(optimiser.memory().iter().flatten().all(|&x| x == 0.0), "{optimiser:?}");
        }
    }

    #[test]
    fn what_does_not_decay_moves_as_without_decay() {
        for (with, without) in [(adam(0.2), adam(0.0)), (ada_belief(0.2), ada_belief(0.0))] {
            let paces = [PACES[0], Pace { decays: false, ..PACES[1] }];
            let step = |config| {
                let mut parameters = [1.0, -2.0];
                Optimiser::new(config, 2).step(&paces, &mut parameters, &[0.5, 0.5]);
                parameters.map(f64::to_bits)
            };
            let (with, without) = (step(with), step(without));
            assert_eq!((with[0] == without[0], with[1] == without[1]), (false, true));
        }
    }

    #[test]
    fn all_of_them_come_to_the_bottom_of_a_bowl() {
        for config in all() {
            let (mut parameters, mut optimiser) = ([1.0, -2.0], Optimiser::new(config, 2));
            for step in 0..2000 {
                // Steps of a fixed length never settle: their rates have to go down.
                let shrinking = 0.995_f64.powi(step);
                let paces = PACES.map(|pace| Pace { rate: pace.rate * shrinking, ..pace });
                let gradient = [parameters[0], 10.0 * parameters[1]];
                optimiser.step(&paces, &mut parameters, &gradient);
            }
            assert!(parameters.iter().all(|x| x.abs() < 1e-4), "{config:?}: {parameters:?}");
        }
    }

    #[test]
    #[should_panic(expected = "one learning rate a parameter")]
    fn a_vector_that_its_parts_do_not_fill_is_refused() {
        Optimiser::new(PLAIN, 2).step(&PACES[..1], &mut [0.0; 2], &[0.0; 2]);
    }
}
