//! Files, streams and what can go wrong with them: an answer is written whole or not at all.
#![cfg(unix)]

use crate::program::{PROGRAM, example, repository, run, shell, spikegrad};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

fn problem() -> String {
    repository("examples/problems/recurrent.json").to_str().unwrap().to_owned()
}

/// The names of what stands in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_problem_is_read_from_a_file_or_from_standard_input() {
    let from_file = spikegrad(&["gradient", &problem()], "");
    let from_input = spikegrad(&["gradient", "-"], example("recurrent.json"));
    from_file.answer();
    assert_eq!(from_file.stdout, from_input.stdout);
}

#[test]
fn an_answer_goes_to_the_file_instead_of_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answer.json");
    fs::write(&path, "old").unwrap();
    for command in [&["simulate", &problem()][..], &["gradient", &problem()], &["schema"]] {
        let printed = spikegrad(command, "").stdout;
        let run = spikegrad(&[command, &["-o", path.to_str().unwrap()]].concat(), "");
        assert_eq!((run.status, run.stdout.as_str()), (Some(0), ""));
        assert_eq!(fs::read_to_string(&path).unwrap(), printed);
        assert_eq!(names(folder.path()), ["answer.json"]);
    }
    let run = spikegrad(&["simulate", &problem(), "-o", "-"], "");
    assert_eq!(run.stdout, spikegrad(&["simulate", &problem()], "").stdout);
}

#[test]
fn a_failure_leaves_the_old_file_and_nothing_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("answer.json"), "old").unwrap();
    fs::write(folder.path().join("bad.json"), "{").unwrap();
    let untouched = || {
        assert_eq!(fs::read_to_string(folder.path().join("answer.json")).unwrap(), "old");
        assert_eq!(names(folder.path()), ["answer.json", "bad.json"]);
    };
    let problem = problem();
    let failing = |script: &str, status, words: &[&str]| {
        shell(script, folder.path()).fails(status, words);
        untouched();
    };
    failing("\"$SPIKEGRAD\" gradient bad.json -o answer.json", 2, &["bad.json"]);
    failing("\"$SPIKEGRAD\" gradient missing.json -o answer.json", 1, &["missing.json"]);
    failing("\"$SPIKEGRAD\" gradient . -o answer.json", 1, &["cannot read ."]);
    let script = format!("\"$SPIKEGRAD\" simulate {problem} --max-events 9 -o answer.json");
    failing(&script, 3, &["9 events"]);
    // A disk that takes nothing: writing fails in the middle.
    let script =
        format!("trap '' XFSZ; ulimit -f 0; exec \"$SPIKEGRAD\" gradient {problem} -o answer.json");
    failing(&script, 1, &["cannot write", "answer.json"]);
    let script = format!("\"$SPIKEGRAD\" gradient {problem} -o missing/answer.json");
    failing(&script, 1, &["cannot write", "missing/answer.json"]);
    failing(&format!("\"$SPIKEGRAD\" gradient {problem} -o ."), 1, &["cannot write"]);
    // A figure that cannot be drawn takes the answer with it.
    let script =
        format!("\"$SPIKEGRAD\" simulate {problem} --plot missing/figure.svg -o answer.json");
    failing(&script, 1, &["cannot write", "missing/figure.svg"]);
    let script = format!("\"$SPIKEGRAD\" simulate {problem} --plot missing/figure.svg");
    failing(&script, 1, &["cannot write", "missing/figure.svg"]);
}

#[test]
fn a_link_stays_and_what_it_points_to_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (target, link) = (folder.path().join("target.json"), folder.path().join("link.json"));
    fs::write(&target, "old").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    spikegrad(&["simulate", &problem(), "-o", link.to_str().unwrap()], "");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(fs::read_to_string(&target).unwrap().starts_with('{'));
}

#[test]
fn a_pipe_is_written_to_and_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "mkfifo pipe; cat pipe > got & \"$SPIKEGRAD\" simulate {} -o pipe --quiet; wait; test -p pipe && cat got",
        problem()
    );
    shell(&script, folder.path()).answer();
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_behind_standard_output_is_an_outside_failure() {
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output =
        Command::new(PROGRAM).args(["gradient", &problem()]).stdout(full()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.starts_with("error: cannot write standard output") && said.lines().count() == 1,
        "{said}"
    );
    let deaf =
        Command::new(PROGRAM).args(["gradient", &problem()]).stderr(full()).output().unwrap();
    assert_eq!(deaf.status.code(), Some(0), "whether anyone listens does not matter");
    assert!(!deaf.stdout.is_empty());
}

#[test]
fn a_reader_that_has_gone_is_no_failure() {
    for arguments in [&["gradient", "-"][..], &["schema"], &["--help"]] {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // The reader is gone before the problem is there.
        drop(child.stdout.take());
        if let Err(error) =
            child.stdin.take().unwrap().write_all(example("recurrent.json").as_bytes())
        {
            assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
        }
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(!String::from_utf8(output.stderr).unwrap().contains("error"));
    }
}

#[test]
fn figures_are_svg_or_png() {
    let folder = tempfile::tempdir().unwrap();
    for (name, start) in [("figure.svg", &b"<svg"[..]), ("figure.PNG", b"\x89PNG")] {
        let path = folder.path().join(name);
        let run = spikegrad(&["simulate", &problem(), "--plot", path.to_str().unwrap()], "");
        run.answer();
        assert!(fs::read(&path).unwrap().starts_with(start), "{name}");
    }
    let svg = fs::read_to_string(folder.path().join("figure.svg")).unwrap();
    for word in ["input", "hidden", "hidden[3]", "readout[1]", "time (ms)"] {
        assert!(svg.contains(word), "no {word} in the figure");
    }
}

#[test]
fn a_run_of_no_time_cannot_be_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let file = example("two_inputs.json").replace("\"t_end\": 0.02", "\"t_end\": 0");
    let arguments = [Path::new("simulate"), Path::new("-"), Path::new("--plot")];
    let figure = folder.path().join("figure.svg");
    spikegrad(&[&arguments[..], &[&figure]].concat(), file).fails(2, &["nothing to draw"]);
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_problem_may_be_a_device_or_have_any_name() {
    let folder = tempfile::tempdir().unwrap();
    let name = folder.path().join("a name\nof two lines.json");
    File::create(&name).unwrap().write_all(b"{").unwrap();
    run(Command::new(PROGRAM).arg("simulate").arg(&name), "")
        .fails(2, &["a name\\nof two lines.json"]);
    run(Command::new(PROGRAM).args(["simulate", "/dev/stdin"]), example("two_inputs.json"))
        .answer();
}
