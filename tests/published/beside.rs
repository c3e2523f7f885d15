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
    let arguments = Arguments::from_args();
    let trials = tests.into_iter().map(|Beside { name, needs, test }| {
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
