//! The test suite: one file a kind of test, one binary.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up should panic")]
#![expect(clippy::panic, reason = "a test fails by panicking")]
#![expect(
    clippy::disallowed_methods,
    reason = "expected values come from another implementation than the engines'"
)]
#![expect(clippy::print_stdout, reason = "a test says what it measured")]

mod adaptive;
mod agreement;
mod cases;
mod convolutions;
mod currents;
mod derivatives;
mod differentials;
mod fit;
mod forward_propagation;
mod gradient_check;
mod hard_cases;
mod identities;
mod independent;
mod interrupts;
mod layers_of_quadratic_neurons;
mod library;
mod loops;
mod losses;
mod many_targets;
mod oracle;
mod own_neurons;
mod planted;
mod problem_file;
mod properties;
mod pseudospikes;
mod quadratic;
mod random_networks;
mod readouts;
mod receptors;
mod recorded_neuron;
mod resets;
mod second_simulator;
mod signs;
mod support;
mod tidy;
mod time_stepped;
mod tolerance;
mod untied;
mod weighted;
mod with_respect_to;
mod yardsticks;
