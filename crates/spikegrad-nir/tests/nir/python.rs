//! The Python package `nir` reads what we write, and we read what it writes.

use crate::{data, round_trips};
use spikegrad_nir::{Convention, GraphData, read, write};
use std::path::Path;
use std::process::Command;

#[test]
#[expect(clippy::print_stdout, reason = "a note that a test is left out")]
fn python_reads_our_files_and_we_read_those_of_python() {
    let python = |arguments: &[&Path]| Command::new("python3").args(arguments).output();
    let can = Command::new("python3").args(["-c", "import nir; nir.read_data"]).output();
    if !can.is_ok_and(|output| output.status.success()) {
        println!("left out: python3 has no package nir that knows NIR data");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (network, parameters) = round_trips::network();
    write(&network, &parameters, at("ours.nir"), Convention::Continuous).unwrap();
    data::recorded().write(at("ours.h5")).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nir/check.py");
    let files = ["ours.nir", "theirs.nir", "ours.h5", "theirs.h5"].map(at);
    let output = python(&[&script, &files[0], &files[1], &files[2], &files[3]]).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let import = read(&files[1]).unwrap();
    assert_eq!((import.network, import.parameters), (network, parameters));
    assert_eq!(GraphData::read(&files[3]).unwrap(), data::recorded());
}
