//! Many problems in one call: a line for each, in order, whether or not it has an answer.

use crate::program::{PROGRAM, example, one_neuron, repository, run, spikegrad};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

fn lines(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What is left of a line without where it came from: the answer of the problem alone.
fn without_origin(line: &Value) -> Value {
    let mut line = line.clone();
    for key in ["file", "line", "warnings"] {
        line.as_object_mut().unwrap().remove(key);
    }
    line
}

fn problem(weight: f64) -> Value {
    one_neuron(weight, &[0.001], json!({}))
}

/// The gradient of a problem by itself.
fn alone(problem: &Value) -> Value {
    spikegrad(&["gradient", "-"], problem.to_string()).answer()
}

#[test]
fn several_files_are_answered_in_order_and_each_as_by_itself() {
    let names = ["two_inputs.json", "recurrent.json"];
    let files: Vec<PathBuf> =
        names.iter().map(|name| repository("examples/problems").join(name)).collect();
    for command in ["gradient", "simulate"] {
        let mut arguments = vec![PathBuf::from(command)];
        arguments.extend(files.clone());
        let answered = spikegrad(&arguments, "");
        assert_eq!(answered.status, Some(0), "{answered:?}");
        assert!(answered.stderr.contains("2 problems answered"), "{}", answered.stderr);
        let answers = lines(&answered.stdout);
        assert_eq!(answers.len(), 2);
        for ((answer, name), file) in answers.iter().zip(names).zip(&files) {
            assert_eq!(answer["file"], json!(file));
            assert_eq!(without_origin(answer), spikegrad(&[command, "-"], example(name)).answer());
        }
        arguments.push("--quiet".into());
        assert_eq!(spikegrad(&arguments, "").stderr, "");
    }
}

#[test]
fn lines_on_standard_input_are_answered_in_order_on_any_number_of_threads() {
    let problems: Vec<Value> = (0..300).map(|k| problem(12.0 + f64::from(k))).collect();
    let input: String = problems.iter().map(|problem| format!("{problem}\n")).collect();
    let answered = spikegrad(&["gradient", "-", "--threads", "2"], &input);
    let answers = lines(&answered.stdout);
    assert_eq!(answers.len(), problems.len());
    for (k, (answer, problem)) in answers.iter().zip(&problems).enumerate() {
        assert_eq!((&answer["file"], &answer["line"]), (&json!("-"), &json!(k + 1)));
        if k % 50 == 0 {
            assert_eq!(without_origin(answer), alone(problem));
        }
    }
    let one = spikegrad(&["gradient", "-", "--threads", "1"], &input);
    assert_eq!(one.stdout, answered.stdout);
}

#[test]
fn a_single_problem_is_a_line_if_that_is_asked_for() {
    let alone = problem(20.0);
    let pretty = spikegrad(&["gradient", "-"], alone.to_string());
    assert!(pretty.stdout.lines().count() > 1 && pretty.answer().get("file").is_none());
    let line = spikegrad(&["gradient", "-", "--lines"], alone.to_string());
    assert_eq!(without_origin(&lines(&line.stdout)[0]), pretty.answer());
    assert_eq!(spikegrad(&["gradient", "-", "--lines"], "\n").stdout, "", "none is none");
}

#[test]
fn a_problem_without_an_answer_has_a_line_and_the_first_sets_the_status() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let touch = one_neuron(4.0, &[0.0], json!({"tau_mem": 0.02, "tau_syn": 0.01}));
    let good = file("good.json", &problem(20.0).to_string());
    let grazing = file("grazing.json", &touch.to_string());
    let bad = file("bad.json", "{\"a\": 1}");
    let missing = folder.path().join("missing.json");
    let answered = |files: &[&PathBuf], more: &[&str]| {
        let mut command = Command::new(PROGRAM);
        run(command.arg("gradient").args(files).args(more), "")
    };
    let run = answered(&[&good, &grazing, &missing, &bad, &good], &[]);
    let answers = lines(&run.stdout);
    assert_eq!(run.status, Some(4), "that of the first without an answer: {run:?}");
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    for word in ["error: 3 of 5 problems have no answer", "grazing.json", "grazes its threshold"] {
        assert!(run.stderr.contains(word), "{}", run.stderr);
    }
    let statuses: Vec<Option<u64>> = answers.iter().map(|line| line["status"].as_u64()).collect();
    assert_eq!(statuses, [None, Some(4), Some(1), Some(2), None]);
    assert_eq!(answers[0], answers[4]);
    for (line, file, words) in [
        (&answers[1], &grazing, "out[0]"),
        (&answers[2], &missing, "cannot be read"),
        (&answers[3], &bad, "unknown field `a`"),
    ] {
        assert_eq!(line["file"], json!(file));
        let error = line["error"].as_str().unwrap();
        assert!(
            error.contains(words) && !error.contains(".json"),
            "the file is not named twice: {error}"
        );
    }
    assert_eq!(answered(&[&bad, &grazing], &[]).status, Some(2));
    // A file takes all lines, or is as it was.
    let out = folder.path().join("answers.jsonl");
    let written = answered(&[&good, &bad, &good], &["-o", out.to_str().unwrap()]);
    assert_eq!((written.status, written.stdout.as_str()), (Some(2), ""));
    assert_eq!(lines(&std::fs::read_to_string(&out).unwrap()).len(), 3);
    // A line may be wrong, and the next one is read all the same.
    let mixed = format!("{0}\nx\n\n{0}\n", problem(20.0));
    let run = spikegrad(&["gradient", "-"], mixed);
    let answers = lines(&run.stdout);
    assert_eq!((run.status, answers.len()), (Some(2), 3));
    assert_eq!((&answers[1]["line"], &answers[2]["line"]), (&json!(2), &json!(4)));
    assert!(run.stderr.contains("standard input, line 2"), "{}", run.stderr);
}

#[test]
fn a_problem_is_answered_before_the_next_is_sent() {
    let mut child = Command::new(PROGRAM)
        .args(["gradient", "-", "--lines", "--quiet"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut to = child.stdin.take().unwrap();
    let mut from = BufReader::new(child.stdout.take().unwrap());
    for weight in [20.0, 30.0, 40.0] {
        writeln!(to, "{}", problem(weight)).unwrap();
        let mut line = String::new();
        from.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(without_origin(&answer), alone(&problem(weight)));
    }
    // Whoever has read enough may go, though more might be sent.
    drop(from);
    let end = (0..100).find(|_| {
        let sent = writeln!(to, "{}", problem(50.0));
        std::thread::sleep(std::time::Duration::from_millis(20));
        sent.is_err() || child.try_wait().unwrap().is_some()
    });
    assert!(end.is_some(), "it goes on for nobody");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_is_for_one_problem_is_refused_for_several() {
    let input = format!("{0}\n{0}\n", problem(20.0));
    spikegrad(&["simulate", "-", "--plot", "figure.svg"], &input)
        .fails(2, &["--plot", "one problem"]);
    spikegrad(&["gradient", "-", "-"], &input).fails(2, &["-", "only once"]);
    spikegrad(&["gradient", "a", "b", "--sample", "1"], "").fails(2, &["--sample", "one folder"]);
}

#[test]
fn warnings_stand_in_the_line_of_their_problem() {
    let input = format!("{}\n{}\n", problem(20.0), problem(1.0));
    let run = spikegrad(&["gradient", "-"], input);
    let answers = lines(&run.stdout);
    assert!(answers[0].get("warnings").is_none());
    assert!(answers[1]["warnings"][0].as_str().unwrap().contains("no neuron spikes"));
    assert!(run.stderr.contains("warning: 1 problem with"), "{}", run.stderr);
}
