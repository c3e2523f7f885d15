//! Spoken digits as a user trains them: a script makes spike trains of the recordings, and `examples/configs/spoken_digits*.json` learn them.
//!
//! Left out, with a line that says so, where the recordings are not beside the checkout, or Python has not the packages. Not here: what is learned
//! (`docs/results/spoken_digits.md`).
#![expect(clippy::print_stdout, reason = "a test that is left out says so")]

use crate::program::{Run, repository, spikegrad};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A part of the recordings, so that a run takes a second.
const FEW: [&str; 6] = ["--limit", "120", "--test", "30", "--validation", "20"];

fn script(arguments: &[&str]) -> Output {
    let script = repository("examples/python/spoken_digits.py");
    Command::new("python3").arg(script).args(arguments).output().unwrap()
}

/// The recordings, if the script can read them here.
fn recordings() -> Option<PathBuf> {
    let path = repository("../shared/data/spoken_digits/digits.npz");
    if !path.exists() {
        println!("left out: the spoken digits are not in ../shared, beside the checkout");
        return None;
    }
    let mut python = Command::new("python3");
    let has_packages = python.args(["-c", "import numpy, safetensors.numpy"]).output();
    if !has_packages.is_ok_and(|output| output.status.success()) {
        println!("left out: python3 has not numpy and safetensors");
        return None;
    }
    Some(path)
}

/// Spike trains of a few recordings, in the folder `out`.
fn convert(recordings: &Path, out: &Path, more: &[&str]) {
    let files = [recordings.to_str().unwrap(), out.to_str().unwrap()];
    let output = script(&[&files[..], &FEW, more].concat());
    assert!(output.status.success(), "{output:?}");
}

/// What a file holds after its head, whose entries have no fixed order: the head begins with its length, in eight bytes.
fn numbers(file: &Path) -> Vec<u8> {
    let mut bytes = std::fs::read(file).unwrap();
    let head = u64::from_le_bytes(bytes[..8].try_into().unwrap());
    bytes.split_off(8 + usize::try_from(head).unwrap())
}

fn train(config: &str, data: &Path, out: &Path, more: &[&str]) -> Run {
    let config = repository("examples/configs").join(config);
    let arguments = ["train", "--config", config.to_str().unwrap()];
    let folders = ["--data", data.to_str().unwrap(), "--out", out.to_str().unwrap()];
    let small = ["--epochs", "1", "--set", "layers.0.size=4", "--set", "data.validation=20"];
    spikegrad(&[&arguments[..], &folders, &small, more].concat(), "")
}

#[test]
fn recordings_become_spike_trains_that_each_configuration_learns() {
    let Some(recordings) = recordings() else { return };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    convert(&recordings, &data, &[]);
    let other = folder.path().join("again");
    convert(&recordings, &other, &[]);
    for file in ["train.safetensors", "test.safetensors"] {
        assert!(numbers(&data.join(file)) == numbers(&other.join(file)), "{file} differs");
    }
    // 120 recordings but for 30 and 20; four neurons for 78 channels, themselves and ten outputs.
    let (inputs, own, outputs) = (78 * 4, 4 * 4, 4 * 10);
    let weights = inputs + own + outputs;
    for (config, more) in [
        // Two time constants of each neuron.
        ("spoken_digits.json", 2 * (4 + 10)),
        ("spoken_digits_delays.json", own + 2 * (4 + 10)),
        ("spoken_digits_alif.json", own + 2 * (4 + 10) + 3 * 4),
        ("spoken_digits_qif.json", own + 2 * (4 + 10)),
    ] {
        let answer = train(config, &data, &folder.path().join(config), &[]).answer();
        assert_eq!(answer["parameters"], weights + more, "{config}");
        assert!(answer["train_loss"].as_f64().unwrap().is_finite(), "{answer}");
    }
}

#[test]
fn other_files_than_the_recordings_are_refused_in_one_sentence() {
    if recordings().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("data");
    let file = folder.path().join("digits.npz");
    std::fs::write(&file, "no archive").unwrap();
    for file in [file, folder.path().join("none.npz")] {
        let output = script(&[file.to_str().unwrap(), out.to_str().unwrap()]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("cannot be read") && said.lines().count() == 1, "{said}");
    }
    assert!(!out.exists());
}
