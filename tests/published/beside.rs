//! Tests of what lies beside a checkout, in `../shared`, and may be absent: they are left out then, and one line at the end says how many.
//!
//! The harness that Rust brings knows of a test before it runs whether it is to be ignored, and not that something is missing; so
//! these have another. Not here: the tests.

use libtest_mimic::{Arguments, Failed, Trial};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A test, and what it needs.
pub(crate) struct Beside {
    /// A sentence, as the names of all tests.
    pub(crate) name: &'static str,
    /// A file or folder below `../shared`.
    pub(crate) needs: &'static str,
    /// Is given the path of that.
    pub(crate) test: fn(&Path),
}

/// Runs the tests that were asked for on the command line, as far as there is what they need.
pub(crate) fn run(root: &Path, tests: Vec<Beside>) -> ExitCode {
    let (filters, arguments) = filters(std::env::args().collect());
    let arguments = Arguments::from_iter(arguments);
    let wanted = |test: &Beside| {
        filters.is_empty() || filters.iter().any(|filter| test.name.contains(filter))
    };
    let trials = tests.into_iter().filter(wanted).map(|Beside { name, needs, test }| {
        let path: PathBuf = root.join("../shared").join(needs);
        let is_missing = !path.exists();
        let run = move || match is_missing {
            true => Err(Failed::from(format!("{} is not there", path.display()))),
            false => {
                test(&path);
                Ok(())
            }
        };
        Trial::test(name, run).with_ignored_flag(is_missing)
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    match conclusion.num_ignored {
        0 => {}
        1 => println!(
            "left out: 1 test, because what it needs is not in ../shared, beside the checkout"
        ),
        left_out => println!(
            "left out: {left_out} tests, because what they need is not in ../shared, beside the checkout"
        ),
    }
    conclusion.exit_code()
}

/// Options of the command line that are followed by a value.
const WITH_VALUE: [&str; 6] =
    ["--skip", "--test-threads", "--logfile", "--color", "--format", "-Z"];

/// Takes the filters out of the arguments where there are several, which Rust's own harness knows and this one does not.
fn filters(arguments: Vec<String>) -> (Vec<String>, Vec<String>) {
    let is_filter = |k: usize| {
        let is_value = WITH_VALUE.contains(&arguments[k - 1].as_str());
        !arguments[k].starts_with('-') && !is_value
    };
    let positions: Vec<usize> = (1..arguments.len()).filter(|&k| is_filter(k)).collect();
    if positions.len() < 2 {
        return (Vec::new(), arguments);
    }
    let (mut filters, mut rest) = (Vec::new(), Vec::new());
    for (k, argument) in arguments.into_iter().enumerate() {
        if positions.contains(&k) { filters.push(argument) } else { rest.push(argument) }
    }
    (filters, rest)
}
