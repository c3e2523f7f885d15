//! Running the program, and problems to run it on.

use serde_json::{Value, json};
use std::ffi::OsStr;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Memory that a refusal may take, in KiB: address space, which is more than what is resident.
pub(crate) const MEMORY_OF_A_REFUSAL: u64 = 64 << 10;

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_spikegrad");

/// A path below the root of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// The text of an example problem.
pub(crate) fn example(name: &str) -> String {
    std::fs::read_to_string(repository("examples/problems").join(name)).unwrap()
}

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    fn new(output: Output) -> Self {
        Self {
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The answer of a run that succeeded.
    #[track_caller]
    pub(crate) fn answer(&self) -> Value {
        assert_eq!(self.status, Some(0), "{self:?}");
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// A failure: its status, nothing on standard output, one sentence on standard error that has all of `words`.
    #[track_caller]
    pub(crate) fn fails(&self, status: i32, words: &[&str]) {
        assert_eq!(self.status, Some(status), "{self:?}");
        assert_eq!(self.stdout, "", "standard output of a failure");
        assert!(self.stderr.starts_with("error: "), "{}", self.stderr);
        assert!(self.stderr.ends_with('\n'), "{}", self.stderr);
        assert_eq!(self.stderr.lines().count(), 1, "one sentence: {}", self.stderr);
        for word in words {
            assert!(self.stderr.contains(word), "no {word} in: {}", self.stderr);
        }
    }
}

/// Runs the program with `input` on its standard input.
pub(crate) fn spikegrad(arguments: &[impl AsRef<OsStr>], input: impl AsRef<[u8]>) -> Run {
    run(Command::new(PROGRAM).args(arguments), input)
}

/// Runs the program as [`spikegrad`] does, with at most `kib` KiB of address space where the system can limit it.
pub(crate) fn spikegrad_within(kib: u64, arguments: &[&str], input: impl AsRef<[u8]>) -> Run {
    if !cfg!(target_os = "linux") {
        return spikegrad(arguments, input);
    }
    let limited = format!("ulimit -v {kib}; exec \"$0\" \"$@\"");
    run(Command::new("sh").args(["-c", &limited, PROGRAM]).args(arguments), input)
}

/// Runs a shell script in `folder`, in which `$SPIKEGRAD` is the program.
pub(crate) fn shell(script: &str, folder: &Path) -> Run {
    run(Command::new("sh").args(["-c", script]).env("SPIKEGRAD", PROGRAM).current_dir(folder), "")
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command, input: impl AsRef<[u8]>) -> Run {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // An input may be refused before its end.
    if let Err(error) = stdin.write_all(input.as_ref()) {
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    }
    drop(stdin);
    Run::new(child.wait_with_output().unwrap())
}

/// A problem of one neuron `out` that hears `spikes` of one input through a synapse of `weight`.
pub(crate) fn one_neuron(weight: f64, spikes: &[f64], params: Value) -> Value {
    json!({
        "format": "spikegrad-problem", "version": 1,
        "network": {
            "inputs": 1,
            "populations": [{"name": "out", "size": 1, "model": "lif", "params": params}],
            "connections": [{"from": "input", "to": "out", "weights": [[weight]]}],
        },
        "stimulus": {"t_end": 0.05, "spikes": spikes.iter().map(|t| json!([0, t])).collect::<Vec<_>>()},
        "loss": {"type": "spike_time_mse", "population": "out", "targets": [[0.01]]},
    })
}
