//! Training runs as a user meets them: a folder with its files, an interrupt, a second try, a damaged checkpoint.
//!
//! Whatever happened on the way, on one thread or on two, a run must end with the same bits; the checkpoint is compared
//! whole, and the metrics without the seconds they took. Not here: what a run learns in how many epochs (`docs/results`).

use crate::help::{CARGO, examples, help};
use crate::program::{PROGRAM, Run, shell, spikegrad};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A network so small that an epoch takes a fraction of a second.
const SMALL: [&str; 6] =
    ["--set", "layers.0.size=30", "--set", "layers.1.weights.mean=3", "--set", "batch_size=20"];

const CHECKPOINT: &str = "checkpoint.safetensors";

fn train(out: &Path, more: &[&str]) -> Run {
    let out = out.to_str().unwrap();
    spikegrad(&[&["train", "yin-yang", "--out", out], more].concat(), "")
}

fn train_small(out: &Path, epochs: &str, more: &[&str]) -> Run {
    train(out, &[&SMALL[..], &["--epochs", epochs], more].concat())
}

/// The lines of the metrics, without the time that they took.
fn metrics(folder: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
    let record = |line: &str| {
        let mut record: Value = serde_json::from_str(line).unwrap();
        assert!(record.as_object_mut().unwrap().remove("seconds").is_some());
        record
    };
    text.lines().map(record).collect()
}

#[track_caller]
fn same_bits(one: &Path, other: &Path) {
    let checkpoint = |folder: &Path| std::fs::read(folder.join(CHECKPOINT)).unwrap();
    assert!(checkpoint(one) == checkpoint(other), "checkpoints differ");
    assert_eq!(metrics(one), metrics(other));
}

/// Starts a run, and waits until its first epoch is completed.
fn start(out: &Path, epochs: &str) -> Child {
    let mut command = Command::new(PROGRAM);
    command.args(["train", "yin-yang", "--epochs", epochs, "--out"]).arg(out).args(SMALL);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let patience = Instant::now();
    while !out.join(CHECKPOINT).exists() {
        assert!(patience.elapsed() < Duration::from_secs(100), "no epoch is completed");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

#[cfg(unix)]
fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn a_few_epochs_learn_and_the_checkpoint_is_worth_what_the_result_says() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let trained = train_small(&out, "4", &[]);
    let answer = trained.answer();
    assert!(answer["test_accuracy"].as_f64().unwrap() > 0.6, "chance is 0.35: {answer}");
    assert_eq!((answer["data"].as_str(), answer["seed"].as_u64()), (Some("yin-yang"), Some(0)));
    assert_eq!((answer["epochs"].as_u64(), answer["parameters"].as_u64()), (Some(4), Some(240)));
    for key in ["test_loss", "train_seconds", "spikes_per_sample", "validation_accuracy"] {
        assert!(answer[key].as_f64().unwrap() > 0.0, "{key}: {answer}");
    }
    let written = std::fs::read_to_string(out.join("result.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), answer);
    assert_eq!(metrics(&out).len(), 4);
    assert_eq!(trained.stderr.matches("epoch ").count(), 4, "a line each: {}", trained.stderr);
    assert!(trained.stderr.starts_with("yin-yang, seed 0"), "{}", trained.stderr);

    let evaluated = spikegrad(&["evaluate", out.to_str().unwrap()], "").answer();
    for key in ["test_accuracy", "test_loss", "spikes_per_sample", "epochs", "parameters"] {
        assert_eq!(evaluated[key], answer[key], "{key}");
    }
    let rows = evaluated["confusion"].as_array().unwrap().iter();
    let count = |row: &Value| row.as_array().unwrap().iter().filter_map(Value::as_u64).sum();
    assert_eq!(rows.map(count).collect::<Vec<u64>>(), [350, 316, 334]);
}

#[test]
fn halves_make_the_same_run_as_the_whole_on_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    assert_eq!(train_small(&whole, "4", &["--threads", "1", "--quiet"]).status, Some(0));
    for threads in ["1", "2"] {
        let halves = folder.path().join(threads);
        assert_eq!(train_small(&halves, "2", &["--threads", threads]).status, Some(0));
        let resumed = train(&halves, &["--resume", "--epochs", "4", "--threads", threads]);
        assert_eq!(resumed.status, Some(0), "{resumed:?}");
        same_bits(&halves, &whole);
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_says_how_to_go_on_and_then_ends_as_if_nothing_had_happened() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, broken) = (folder.path().join("whole"), folder.path().join("broken run"));
    let child = start(&broken, "200");
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(output.stdout.is_empty());
    let said = String::from_utf8(output.stderr).unwrap();
    let last = said.lines().last().unwrap();
    assert!(last.contains("interrupted after") && last.contains("of 200 epochs"), "{last}");
    assert!(last.contains("broken run' --resume`"), "{last}");

    let completed = metrics(&broken).len();
    assert!((1..200).contains(&completed));
    let epochs = (completed + 1).to_string();
    assert_eq!(train(&broken, &["--resume", "--epochs", &epochs]).status, Some(0));
    assert_eq!(train_small(&whole, &epochs, &[]).status, Some(0));
    same_bits(&broken, &whole);
}

#[cfg(unix)]
#[test]
fn a_killed_run_goes_on_too() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, broken) = (folder.path().join("whole"), folder.path().join("broken"));
    let mut child = start(&broken, "200");
    signal(&child, "-KILL");
    child.wait().unwrap();
    assert_eq!(train(&broken, &["--resume", "--epochs", "5"]).status, Some(0));
    assert_eq!(train_small(&whole, "5", &[]).status, Some(0));
    same_bits(&broken, &whole);
}

/// A limit on the size of files stands in for a disk that is full.
#[cfg(unix)]
#[test]
fn a_full_disk_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, broken) = (folder.path().join("whole"), folder.path().join("broken"));
    assert_eq!(train_small(&broken, "1", &[]).status, Some(0));
    let checkpoint = || std::fs::read(broken.join(CHECKPOINT)).unwrap();
    let before = checkpoint();
    // In blocks of half or a whole KiB: enough for a line of metrics, not for the checkpoint.
    let limited =
        "trap '' XFSZ; ulimit -f 5; \"$SPIKEGRAD\" train --out broken --resume --epochs 2 --quiet";
    shell(limited, folder.path()).fails(1, &["cannot write", CHECKPOINT]);
    assert!(checkpoint() == before);
    let resumed =
        spikegrad(&["train", "--out", broken.to_str().unwrap(), "--resume", "--epochs", "2"], "");
    assert_eq!(resumed.status, Some(0), "{resumed:?}");
    assert_eq!(train_small(&whole, "2", &[]).status, Some(0));
    same_bits(&broken, &whole);
}

#[test]
fn a_damaged_checkpoint_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    assert_eq!(train_small(&out, "1", &[]).status, Some(0));
    let path = out.join(CHECKPOINT);
    let mut damaged = std::fs::read(&path).unwrap();
    *damaged.last_mut().unwrap() ^= 1;
    std::fs::write(&path, &damaged).unwrap();
    train(&out, &["--resume", "--epochs", "2"]).fails(2, &[CHECKPOINT, "damaged"]);
    spikegrad(&["evaluate", out.to_str().unwrap()], "").fails(2, &[CHECKPOINT, "damaged"]);
    assert!(std::fs::read(&path).unwrap() == damaged);
    assert_eq!(metrics(&out).len(), 1);

    std::fs::write(&path, &damaged[..100]).unwrap();
    train(&out, &["--resume"]).fails(2, &["is not a readable safetensors file"]);
    std::fs::remove_file(&path).unwrap();
    spikegrad(&["evaluate", out.to_str().unwrap()], "").fails(1, &["cannot read", CHECKPOINT]);
}

#[test]
fn a_run_is_neither_overwritten_nor_continued_as_another() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    train(&out, &["--resume"]).fails(2, &["there is no run in", "without --resume"]);
    assert!(!out.exists());
    assert_eq!(train_small(&out, "1", &[]).status, Some(0));
    let files = || {
        let entries = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = entries.map(|path| (std::fs::read(&path).unwrap(), path)).collect();
        files.sort();
        files
    };
    let before = files();
    train_small(&out, "1", &[]).fails(2, &["holds a run already", "--resume", "--out"]);
    train(folder.path(), &[]).fails(2, &["is not empty", "--out"]);
    let other = ["--resume", "--set", "optimiser.beta1=0.5"];
    train(&out, &other).fails(2, &["`optimiser.beta1` is 0.5", "started with 0.9"]);
    train(&out, &["--resume", "--seed", "1"]).fails(2, &["`seed` is 1", "started with 0"]);
    assert!(files() == before);
}

#[test]
fn settings_that_make_no_run_are_refused_before_there_is_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let refused = |more: &[&str], words: &[&str]| {
        train(&out, more).fails(2, words);
        assert!(!out.exists());
    };
    refused(&["--set", "learning_rate=1"], &["`learning_rate`", "`learning_rates`"]);
    refused(&["--set", "epochs=many"], &["`epochs` cannot be \"many\""]);
    refused(&["--set", "layers.0.size=1000000"], &["1000005", "at most 1000000"]);
    refused(&["--data", "somewhere"], &["the data are generated"]);
    refused(&["--epochs", "0"], &["`epochs` is 0", "from 1"]);
    let file = folder.path().join("config.json");
    std::fs::write(&file, "{\"data\": {\"name\": \"yin-yang\"}}").unwrap();
    let configured =
        |path: &str| spikegrad(&["train", "--config", path, "--out", out.to_str().unwrap()], "");
    configured(file.to_str().unwrap()).fails(2, &["config.json", "is missing"]);
    configured("no such file").fails(1, &["cannot read no such file"]);
    spikegrad(&["train"], "").fails(2, &["nothing to learn", "--config"]);
    assert!(!out.exists());
    train(&out, &["--max-events", "3", "--quiet"])
        .fails(3, &["epoch 1, batch 1, training sample", "3 events"]);
}

#[test]
fn a_sweep_goes_through_values_that_are_objects() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("sweep");
    let sweep = |over: &str| {
        let common = ["sweep", "yin-yang", "--seeds", "1", "--epochs", "1", "--out"];
        let out = out.to_str().unwrap();
        spikegrad(&[&common[..], &[out, "--quiet", "--over", over], &SMALL].concat(), "")
    };
    let over = r#"layers.0.weights=[{"mean": 1.5, "std": 0.7}, {"mean": -1, "std": 0.1}]"#;
    let rows = sweep(over).answer();
    let value = |row: usize| rows[row]["value"].as_str().unwrap();
    assert_eq!(value(0), r#"{"mean":1.5,"std":0.7}"#);
    assert_eq!(value(1), r#"{"mean":-1,"std":0.1}"#);
    // Inhibited from all inputs nobody spikes, and nothing is learned.
    let accuracy = |row: usize| rows[row]["mean"].as_f64().unwrap();
    assert!(accuracy(0) > 0.3 && accuracy(1) == 0.0, "{rows}");
    assert!(out.join("__mean__1.5__std__0.7_-0").join("result.json").exists());
    assert_eq!(sweep(over).answer(), rows, "no run is repeated");

    assert_eq!(sweep(r#"clip=[1.5, null]"#).answer().as_array().unwrap().len(), 2);
    for (over, words) in
        [("clip=[1, 2", "must be a list in JSON"), ("clip=[]", "the list of values is empty")]
    {
        let run = sweep(over);
        assert_eq!((run.status, run.stdout.as_str()), (Some(2), ""));
        assert!(run.stderr.contains("--over") && run.stderr.contains(words), "{}", run.stderr);
    }
    sweep(r#"clip=[{"a": 1}]"#).fails(2, &["`clip` cannot be {"]);
}

#[test]
fn a_sweep_is_done_in_parts_and_collected() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("parts");
    let whole = folder.path().join("whole");
    let sweep = |out: &Path, more: &[&str]| {
        let common = ["sweep", "yin-yang", "--seeds", "2", "--epochs", "1", "--out"];
        let out = [out.to_str().unwrap(), "--over", "clip=1.5,null"];
        spikegrad(&[&common[..], &out, &SMALL, more].concat(), "")
    };
    sweep(&out, &["--collect"]).fails(2, &["no run of the sweep in", "has come to its end"]);
    assert!(!out.exists());
    sweep(&out, &["--only", "4"]).fails(2, &["--only 4: the sweep has 4 runs, counted from 0"]);
    let of_run = |only: &str| sweep(&out, &["--only", only, "--quiet"]).answer();
    let (one, three) = (of_run("1"), of_run("3"));
    let collected = sweep(&out, &["--collect"]);
    assert!(collected.stderr.contains("2 runs are missing (--only): 0, 2"), "{collected:?}");
    let rows = collected.answer();
    for (row, run, missing) in [(0, &one, 0), (1, &three, 2)] {
        assert_eq!(rows[row]["runs"], json!([run]));
        assert_eq!((&rows[row]["mean"], &run["seed"]), (&run["test_accuracy"], &json!(1)));
        assert_eq!(rows[row]["missing"], json!([missing]));
    }
    // What is missing is done, and the table is that of a sweep at once.
    let times_aside = |rows: &Value| {
        let mut rows = rows.clone();
        for row in rows.as_array_mut().unwrap() {
            for run in row["runs"].as_array_mut().unwrap() {
                run["train_seconds"] = json!(null);
            }
        }
        rows
    };
    let rows = times_aside(&sweep(&out, &["--quiet"]).answer());
    assert_eq!(times_aside(&sweep(&out, &["--collect", "--quiet"]).answer()), rows);
    assert_eq!(times_aside(&sweep(&whole, &["--quiet"]).answer()), rows);
}

#[test]
fn the_examples_of_the_help_run_as_printed() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["train", "sweep", "evaluate"] {
        let examples = |option: &str| examples(&help(&[command], option));
        let (short, long) = (examples("-h"), examples("--help"));
        assert!(
            short.len() >= 2 && short.iter().all(|example| long.contains(example)),
            "{short:?}"
        );
        for example in long {
            let typed = example.replacen(CARGO, "\"$SPIKEGRAD\" ", 1);
            let done = shell(&typed, folder.path());
            assert_eq!(done.status, Some(0), "{example}: {}", done.stderr);
        }
    }
}
