//! Threads: those of rayon with the feature `parallel`, the caller's alone without. Results and their order are the same.

use spikegrad_network::Interrupt;

/// How many items are worked on at a time.
pub(crate) fn count() -> usize {
    #[cfg(feature = "parallel")]
    return rayon::current_num_threads();
    #[cfg(not(feature = "parallel"))]
    1
}

/// Does `one` with each item, in any order, in the scope of the caller's [`Interrupt`]; the results are in the order of the items.
pub(crate) fn map<I: Send, R: Send>(items: Vec<I>, one: impl Fn(I) -> R + Sync + Send) -> Vec<R> {
    let interrupt = Interrupt::current();
    let one = |item| interrupt.scope(|| one(item));
    #[cfg(feature = "parallel")]
    return {
        use rayon::prelude::*;
        items.into_par_iter().map(one).collect()
    };
    #[cfg(not(feature = "parallel"))]
    items.into_iter().map(one).collect()
}
