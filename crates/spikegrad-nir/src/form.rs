//! Linear maps between populations, and their products.
//!
//! Weights that a convolution shares stay shared as long as what stands before or behind it adds with one weight, as pools do.
//!
//! Not here: which maps a graph has (`linear.rs`).

/// Most synapses that are multiplied out to one map, and most entries of a matrix: two gigabytes of weights.
pub(crate) const MOST_SYNAPSES: u64 = 1 << 28;

/// A linear map of channels to channels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Form {
    /// Channel by channel.
    Diagonal(Vec<f64>),
    /// Every pair: `weights[post * n_pre + pre]`.
    Dense(Vec<f64>),
    /// The pairs listed, in the order of their targets, each with the position of its weight: (pre, post, weight).
    Listed { synapses: Vec<(usize, usize, usize)>, weights: Vec<f64> },
}

/// Each number the same?
pub(crate) fn uniform(values: &[f64]) -> Option<f64> {
    let (&first, rest) = values.split_first()?;
    rest.iter().all(|x| x.to_bits() == first.to_bits()).then_some(first)
}

impl Form {
    /// The map that changes nothing.
    pub(crate) fn identity(size: usize) -> Self {
        Self::Diagonal(vec![1.0; size])
    }

    /// Whether channels stay by themselves.
    pub(crate) fn is_diagonal(&self) -> bool {
        matches!(self, Self::Diagonal(_))
    }

    /// Its weights.
    fn weights(&self) -> &[f64] {
        match self {
            Self::Diagonal(weights) | Self::Dense(weights) | Self::Listed { weights, .. } => {
                weights
            }
        }
    }

    /// Its synapses in the order of their targets, each with the position of its weight: (pre, post, weight).
    pub(crate) fn synapses(
        &self,
        pre: usize,
    ) -> Box<dyn Iterator<Item = (usize, usize, usize)> + '_> {
        match self {
            Self::Diagonal(weights) => Box::new((0..weights.len()).map(|k| (k, k, k))),
            Self::Dense(weights) => {
                Box::new((0..weights.len()).map(move |k| (k % pre, k / pre, k)))
            }
            Self::Listed { synapses, .. } => Box::new(synapses.iter().copied()),
        }
    }

    /// How many synapses its product with what stands before it may have.
    pub(crate) fn count_with(&self, earlier: &Self, [pre, between, post]: [usize; 3]) -> u64 {
        let times = |a: usize, b: usize| (a as u64).saturating_mul(b as u64);
        match (self, earlier) {
            (Self::Diagonal(_), other) | (other, Self::Diagonal(_)) => other.weights().len() as u64,
            (_, Self::Listed { synapses, weights }) if weights.len() == 1 => {
                // At worst every synapse of this one fans out to the widest window.
                let mut widest = vec![0usize; between];
                synapses.iter().for_each(|synapse| widest[synapse.1] += 1);
                let count = self.synapses(between).map(|(middle, ..)| widest[middle] as u64);
                count.fold(0, u64::saturating_add)
            }
            _ => times(pre, post),
        }
    }

    /// The map that first does `earlier`, from `pre` channels to `between`, and then this one, to `post`.
    pub(crate) fn after(&self, earlier: &Self, [pre, between, post]: [usize; 3]) -> Self {
        if let Self::Diagonal(factors) = self {
            return earlier.scaled(factors, |(_, post, _)| post, pre);
        }
        if let Self::Diagonal(factors) = earlier {
            return self.scaled(factors, |(pre, ..)| pre, between);
        }
        let mut of_target = vec![Vec::new(); between];
        earlier.synapses(pre).for_each(|(pre, post, weight)| of_target[post].push((pre, weight)));
        let pairs = self.synapses(between).flat_map(|(middle, post, late)| {
            of_target[middle].iter().map(move |&(pre, early)| (pre, post, late, early))
        });
        let times = |weights: &[f64], factor: f64| weights.iter().map(|w| w * factor).collect();
        match (self, earlier) {
            (_, Self::Listed { weights, .. }) if weights.len() == 1 => Self::Listed {
                synapses: pairs.map(|(pre, post, late, _)| (pre, post, late)).collect(),
                weights: times(self.weights(), weights[0]),
            },
            (Self::Listed { weights, .. }, Self::Listed { .. }) if weights.len() == 1 => {
                Self::Listed {
                    synapses: pairs.map(|(pre, post, _, early)| (pre, post, early)).collect(),
                    weights: times(earlier.weights(), weights[0]),
                }
            }
            _ => {
                let mut product = vec![0.0; pre * post];
                for (from, to, late, early) in pairs {
                    product[to * pre + from] += self.weights()[late] * earlier.weights()[early];
                }
                Self::Dense(product)
            }
        }
    }

    /// The same map with each synapse multiplied by the factor of its channel at one end.
    pub(crate) fn scaled(
        &self,
        factors: &[f64],
        channel: impl Fn((usize, usize, usize)) -> usize,
        pre: usize,
    ) -> Self {
        if let (Self::Listed { synapses, weights }, Some(factor)) = (self, uniform(factors)) {
            let weights = weights.iter().map(|w| w * factor).collect();
            return Self::Listed { synapses: synapses.clone(), weights };
        }
        let scaled =
            self.synapses(pre).map(|synapse| self.weights()[synapse.2] * factors[channel(synapse)]);
        let weights = scaled.collect();
        match self {
            Self::Diagonal(_) => Self::Diagonal(weights),
            Self::Dense(_) => Self::Dense(weights),
            Self::Listed { synapses, .. } => {
                let own = synapses.iter().enumerate().map(|(k, &(pre, post, _))| (pre, post, k));
                Self::Listed { synapses: own.collect(), weights }
            }
        }
    }

    /// What it makes of a number for each of `pre` channels.
    pub(crate) fn apply(&self, values: &[f64], post: usize) -> Vec<f64> {
        let mut sums = vec![0.0; post];
        for (pre, post, weight) in self.synapses(values.len()) {
            sums[post] += self.weights()[weight] * values[pre];
        }
        sums
    }

    /// The weight of each synapse.
    pub(crate) fn weight(&self, position: usize) -> f64 {
        self.weights()[position]
    }
}
