//! The help: every command has an example, and every example runs as it is printed.

use crate::program::{PROGRAM, repository, run, shell, spikegrad};
use std::process::Command;

const COMMANDS: [&[&str]; 8] = [
    &[],
    &["simulate"],
    &["gradient"],
    &["fit"],
    &["compare"],
    &["export"],
    &["convert"],
    &["schema"],
];
pub(crate) const CARGO: &str = "cargo run --release -- ";

/// The help as a terminal of 80 columns shows it.
pub(crate) fn help(command: &[&str], option: &str) -> String {
    let run = run(Command::new(PROGRAM).args(command).arg(option).env("COLUMNS", "80"), "");
    assert_eq!((run.status, run.stderr.as_str()), (Some(0), ""), "{command:?}");
    run.stdout
}

/// The commands in a help, without the breaks of their lines.
pub(crate) fn examples(help: &str) -> Vec<String> {
    let text = help.replace("\\\n", " ");
    text.lines().map(str::trim).filter(|line| line.starts_with(CARGO)).map(str::to_owned).collect()
}

/// A folder with the example problems where they are in a checkout.
fn checkout() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let problems = folder.path().join("examples/problems");
    std::fs::create_dir_all(&problems).unwrap();
    for entry in std::fs::read_dir(repository("examples/problems")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), problems.join(entry.file_name())).unwrap();
    }
    folder
}

#[test]
fn every_example_runs_as_printed() {
    for option in ["--help", "-h"] {
        let folder = checkout();
        for command in COMMANDS {
            let examples = examples(&help(command, option));
            assert!(!examples.is_empty(), "no example in the help of {command:?}");
            for example in examples {
                assert!(!example.contains('\\'), "a line is broken: {example}");
                let run = shell(&example.replacen(CARGO, "\"$SPIKEGRAD\" ", 1), folder.path());
                assert_eq!(run.status, Some(0), "{example}: {}", run.stderr);
            }
        }
        for written in [
            "raster.svg",
            "two.png",
            "spikes.json",
            "answer.json",
            "answers.jsonl",
            "problem.json",
            "problem.schema.json",
            "compared/recurrent.html",
            "compared/conservative.html",
        ] {
            let size = std::fs::metadata(folder.path().join(written)).unwrap().len();
            assert!(size > 100, "{written}");
        }
    }
}

#[test]
fn the_help_lists_the_options_and_the_exit_statuses() {
    let lists = |command: &[&str], words: &[&str]| {
        let help = help(command, "--help");
        for word in words {
            assert!(help.contains(word), "no {word} in the help of {command:?}");
        }
    };
    let common = ["--max-events", "10000000", "--threads", "--quiet", "--version"];
    COMMANDS.iter().for_each(|command| lists(command, &common));
    lists(
        &[],
        &["simulate", "gradient", "fit", "schema", "0  done", "4  the gradient does not exist"],
    );
    lists(
        &["simulate"],
        &["--output", "--plot", "--neurons", "--window", "--size", "--record", "--sample"],
    );
    lists(&["simulate"], &["first problem without an answer"]);
    lists(&["gradient"], &["--output", "--grazing", "fail", "zero", "floor=SLOPE", "--lines"]);
    let studies = ["agreement", "conservative", "cost", "robustness", "stochastic"];
    let options = ["--study", "--seed", "--quick", "--out", "--grazing", "--sample"];
    lists(&["compare"], &[&options, &studies[..]].concat());
}

#[test]
fn every_command_knows_its_version() {
    for command in COMMANDS {
        let arguments = [command, &["--version"]].concat();
        let run = spikegrad(&arguments, "");
        assert_eq!(run.status, Some(0));
        assert!(run.stdout.trim_end().ends_with(env!("CARGO_PKG_VERSION")), "{}", run.stdout);
    }
}
