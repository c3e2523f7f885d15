//! Settings of a training run from the command line: other kinds, runs that go on elsewhere, what is refused and what is only said.
//!
//! The data are images of four pixels in IDX files, so that they can move and be damaged. Not here: the bits of a run
//! (`training.rs`).

use crate::program::{MEMORY_OF_A_REFUSAL, PROGRAM, Run, spikegrad, spikegrad_within};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SMALL: [&str; 12] = [
    "--set",
    "layers.0.size=5",
    "--set",
    "layers.0.weights.mean=2",
    "--set",
    "batch_size=5",
    "--set",
    "data.validation=0",
    "--set",
    "schedule.shape.name=constant",
    "--set",
    "regularisers.wake_silent=null",
];

/// A folder with digits of four pixels.
fn digits(folder: &Path, name: &str, training: u8, test: u8) -> PathBuf {
    let folder = folder.join(name);
    std::fs::create_dir_all(&folder).unwrap();
    for (part, count) in [("train", training), ("t10k", test)] {
        let pixels = (0..4 * count).map(|k| k.wrapping_mul(61) | 2);
        let images = [0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 2, 0, 0, 0, 2];
        let images: Vec<u8> = images.into_iter().chain(pixels).collect();
        let labels: Vec<u8> =
            [0, 0, 8, 1, 0, 0, 0, count].into_iter().chain((0..count).map(|k| k % 10)).collect();
        // Both forms of the names.
        std::fs::write(folder.join(format!("{part}-images.idx3-ubyte")), images).unwrap();
        std::fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), labels).unwrap();
    }
    folder
}

fn train(out: &Path, more: &[&str]) -> Run {
    spikegrad(&[&["train", "--out", out.to_str().unwrap()], more].concat(), "")
}

fn train_digits(out: &Path, data: &Path, more: &[&str]) -> Run {
    let data = data.to_str().unwrap();
    train(out, &[&["mnist", "--data", data, "--epochs", "1"], &SMALL[..], more].concat())
}

fn config(folder: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join("config.json")).unwrap()).unwrap()
}

#[test]
fn a_run_whose_data_have_moved_goes_on_where_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let (out, data) = (folder.path().join("run"), digits(folder.path(), "here", 40, 10));
    assert_eq!(train_digits(&out, &data, &[]).status, Some(0));
    let there = folder.path().join("there");
    std::fs::rename(&data, &there).unwrap();
    let epochs = |n: &'static str| ["--resume", "--epochs", n];
    train(&out, &epochs("2")).fails(2, &["no data in", "here: looked for", "--data DIR"]);
    let there = there.to_str().unwrap();
    let path = format!("data.path={there}");
    for more in [["--data", there], ["--set", &path]] {
        let resumed = train(&out, &[&epochs("2")[..], &more].concat());
        assert_eq!(resumed.answer()["epochs"], 2, "{resumed:?}");
    }
    // From now on it is known.
    assert_eq!(train(&out, &epochs("3")).answer()["epochs"], 3);
    assert_eq!(config(&out)["data"]["path"], there);
    // The name of the data may be said as well, and is compared.
    let named = ["mnist", "--resume", "--epochs", "4", "--data", there];
    assert_eq!(train(&out, &named).answer()["epochs"], 4);
    train(&out, &["yin-yang", "--resume"])
        .fails(2, &["`data.name` is \"yin-yang\"", "started with \"mnist\""]);
}

#[test]
fn what_may_not_change_is_refused_by_name_and_nothing_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    let (out, data) = (folder.path().join("run"), digits(folder.path(), "data", 40, 10));
    assert_eq!(train_digits(&out, &data, &[]).status, Some(0));
    let before = config(&out);
    for (more, words) in [
        (["--set", "optimiser.name=sgd"], "`optimiser.name` is \"sgd\""),
        (["--set", "optimiser.beta1=0.5"], "`optimiser.beta1` is 0.5"),
        (["--set", "layers.0.size=6"], "`layers.0.size` is 6"),
        (["--set", "loss.scale=7"], "`loss.scale` is 7.0"),
        (["--set", "data.validation=3"], "`data.validation` is 3"),
        (["--seed", "7"], "`seed` is 7"),
        (["--grazing", "floor=3"], "`grazing` is "),
        (["--from", "elsewhere"], "`init` is "),
        (["--set", "optimiser.momentum=0.5"], "`optimiser.momentum` belongs to sgd"),
        (["--set", "data.pth=x"], "no setting `data.pth`; the nearest is `data.path`"),
    ] {
        let resume = ["--resume", "--epochs", "2"];
        train(&out, &[&resume[..], &more].concat()).fails(2, &[words]);
        assert_eq!(config(&out), before);
    }
}

#[test]
fn another_kind_takes_its_defaults_and_a_line_says_what_went() {
    let folder = tempfile::tempdir().unwrap();
    let data = digits(folder.path(), "data", 40, 10);
    let switched = |name: &str, more: &[&str]| {
        let out = folder.path().join(name);
        let run = train_digits(&out, &data, more);
        assert_eq!(run.status, Some(0), "{run:?}");
        (config(&out), run.stderr)
    };
    let (made, said) = switched("sgd", &["--set", "optimiser.name=sgd"]);
    assert_eq!(made["optimiser"], json!({"name": "sgd", "momentum": 0.0, "nesterov": false}));
    let line = said.lines().find(|line| line.contains("optimiser.name")).unwrap();
    assert!(line.starts_with("`optimiser.name` is sgd in place of adam"), "{line}");
    assert!(
        line.contains("optimiser.beta1 = 0.9") && line.contains("optimiser.epsilon = 1e-8"),
        "{line}"
    );
    let (made, said) = switched("mean", &["--set", "loss.name=mean-voltage-cross-entropy"]);
    assert_eq!(made["loss"], json!({"name": "mean-voltage-cross-entropy"}));
    assert!(said.contains("dropped: loss.scale = 0.2, loss.tau = 0.02"), "{said}");
    let (made, said) = switched("fashion", &["--set", "data.name=fashion-mnist"]);
    assert_eq!(
        (&made["data"]["name"], &made["data"]["validation"]),
        (&json!("fashion-mnist"), &json!(0))
    );
    assert!(
        said.starts_with("`data.name` is fashion-mnist") || said.contains("\n`data.name` is"),
        "{said}"
    );
    let (_, said) = switched("quiet", &["--set", "optimiser.name=sgd", "--quiet"]);
    assert_eq!(said, "");
}

#[test]
fn a_sweep_goes_over_kinds() {
    let folder = tempfile::tempdir().unwrap();
    let data = digits(folder.path(), "data", 40, 10);
    let sweep = |over: &str| {
        let out = folder.path().join("sweep");
        let common =
            ["sweep", "mnist", "--seeds", "2", "--epochs", "1", "--out", out.to_str().unwrap()];
        let data = ["--data", data.to_str().unwrap(), "--over", over];
        spikegrad(&[&common[..], &data, &SMALL].concat(), "")
    };
    let run = sweep("optimiser.name=sgd,adam");
    let rows = run.answer();
    assert_eq!((rows[0]["value"].as_str(), rows[1]["value"].as_str()), (Some("sgd"), Some("adam")));
    // There is no validation set, and no number that stands for it.
    assert_eq!(rows[0]["runs"][1]["validation_accuracy"], Value::Null);
    let said = run.stderr.matches("`optimiser.name` is sgd").count();
    assert_eq!(said, 1, "once, not for each seed: {}", run.stderr);
    let twice = sweep(r#"clip=[{"a": 1, "a": 2}]"#);
    assert!(twice.status == Some(2) && twice.stderr.contains("stands twice"), "{twice:?}");
}

#[test]
fn a_network_that_fits_nowhere_is_refused_in_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    for size in ["layers.0.size=1000000", "layers.0.size=900000"] {
        let recurrent = r#"layers.0.recurrent={"mean": 0, "std": 0.1}"#;
        // The generated data are held, and the threads have stacks.
        let within = 16 * MEMORY_OF_A_REFUSAL;
        let arguments = [
            "train",
            "yin-yang",
            "--threads",
            "1",
            "--out",
            out.to_str().unwrap(),
            "--set",
            size,
            "--set",
            recurrent,
        ];
        let refused = spikegrad_within(within, &arguments, "");
        refused.fails(2, &["synapses", " TB of memory", "of this machine", "`layers.0.size`"]);
        assert!(!out.exists());
    }
}

#[test]
fn data_without_samples_are_refused_by_their_file() {
    let folder = tempfile::tempdir().unwrap();
    let (out, data) = (folder.path().join("run"), digits(folder.path(), "data", 40, 0));
    train_digits(&out, &data, &[]).fails(2, &["t10k-labels-idx1-ubyte", "it has no samples"]);
    assert!(!out.exists());
    let data = digits(folder.path(), "data", 0, 10);
    train_digits(&out, &data, &[]).fails(2, &["train-labels-idx1-ubyte", "it has no samples"]);
    train(&out, &["randman", "--set", "data.test=0"]).fails(2, &["`data.test` is 0", "at least 1"]);
}

#[test]
fn a_key_that_stands_twice_is_refused_and_one_with_line_breaks_stays_on_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let (out, file) = (folder.path().join("run"), folder.path().join("config.json"));
    let refused = |text: &str, words: &[&str]| {
        std::fs::write(&file, text).unwrap();
        train(&out, &["--config", file.to_str().unwrap()]).fails(2, words);
    };
    let whole =
        std::fs::read_to_string(crate::program::repository("examples/configs/yin_yang.json"))
            .unwrap();
    let twice = whole.replacen("\"seed\": 0,", "\"seed\": 0, \"seed\": 1,", 1);
    assert_ne!(twice, whole);
    refused(&twice, &["config.json: setting `seed` stands twice"]);
    refused(&whole.replacen("\"seed\"", "\"se\\ned\"", 1), &["no setting `se\\ned`"]);
    let long = format!("1{}", "0".repeat(300));
    refused(
        &whole.replacen("100,", &format!("{long},"), 1),
        &["`epochs` cannot be 1e+300: expected a whole number"],
    );
    refused(&whole.replacen("0.06", &format!("-{long}"), 1), &["`t_end` is -1e300, but must be"]);
    train(&out, &["yin-yang", "--set", "a\nb=1"]).fails(2, &["no setting `a\\nb`"]);
    let endless = "x".repeat(2 << 20);
    std::fs::write(&file, endless).unwrap();
    train(&out, &["--config", file.to_str().unwrap()]).fails(1, &["longer than a megabyte"]);
}

#[test]
fn warnings_are_said_once_and_stand_in_the_result() {
    let folder = tempfile::tempdir().unwrap();
    let (out, data) = (folder.path().join("run"), digits(folder.path(), "data", 40, 10));
    let more = [
        "--epochs",
        "2",
        "--set",
        "learning_rates.delays=0.1",
        "--set",
        "layers.0.weights={\"mean\": -1, \"std\": 0}",
    ];
    let run = train_digits(&out, &data, &more[2..]);
    let warnings: Vec<&str> =
        run.stderr.lines().filter_map(|line| line.strip_prefix("warning: ")).collect();
    assert!(
        warnings[0].starts_with("setting `learning_rates.delays` has no effect"),
        "{warnings:?}"
    );
    assert!(
        warnings[1].starts_with("none of the 5 neurons of layer hidden spiked"),
        "{warnings:?}"
    );
    let answer = run.answer();
    assert_eq!(answer["warnings"], json!(warnings));
    assert_eq!(
        (&answer["validation_accuracy"], &answer["validation_loss"]),
        (&Value::Null, &Value::Null)
    );
    let written: Value =
        serde_json::from_slice(&std::fs::read(out.join("result.json")).unwrap()).unwrap();
    assert_eq!(written, answer);
    assert_eq!(run.stderr.matches("drawing the figures").count(), 1, "{}", run.stderr);
    let quiet =
        train_digits(&folder.path().join("quiet"), &data, &[&more[2..], &["--quiet"]].concat());
    assert_eq!((quiet.stderr.as_str(), quiet.status), ("", Some(0)));
}

#[test]
fn what_is_said_of_each_sample_can_be_had_as_lines() {
    let folder = tempfile::tempdir().unwrap();
    let (out, data) = (folder.path().join("run"), digits(folder.path(), "data", 40, 10));
    let best = r#"best={"by": "validation-loss"}"#;
    let more = ["--set", "data.validation=10", "--set", best];
    let trained = train_digits(&out, &data, &more).answer();
    let lines = |name: &str| -> Vec<Value> {
        let text = std::fs::read_to_string(folder.path().join(name)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let arguments = [
        "evaluate".to_owned(),
        path("run"),
        "--best".to_owned(),
        "--predictions".to_owned(),
        path("answers.jsonl"),
        "--spikes".to_owned(),
        path("spikes.jsonl"),
    ];
    let evaluated = spikegrad(&arguments, "").answer();
    assert_eq!(evaluated["test_loss"], trained["best"]["test_loss"]);
    let (answers, spikes) = (lines("answers.jsonl"), lines("spikes.jsonl"));
    assert_eq!((answers.len(), spikes.len()), (10, 10));
    let mut right = 0;
    for (k, (answer, spikes)) in answers.iter().zip(&spikes).enumerate() {
        assert_eq!((&answer["sample"], &spikes["sample"]), (&json!(k), &json!(k)));
        assert_eq!(answer["label"], json!(k % 10));
        assert_eq!(answer["right"], json!(answer["class"] == answer["label"]));
        right += u32::from(answer["right"] == json!(true));
        let hidden = spikes["spikes"]["hidden"].as_array().unwrap();
        assert_eq!(answer["spikes"]["hidden"], json!(hidden.len()));
        let times: Vec<f64> = hidden.iter().map(|spike| spike[1].as_f64().unwrap()).collect();
        assert!(times.is_sorted() && hidden.iter().all(|spike| spike[0].as_u64().unwrap() < 5));
    }
    assert_eq!(evaluated["test_accuracy"], json!(f64::from(right) / 10.0));
    let losses = answers.iter().map(|answer| answer["loss"].as_f64().unwrap());
    let mean = losses.sum::<f64>() / 10.0;
    // Ten sums in the same order.
    assert!((mean - evaluated["test_loss"].as_f64().unwrap()).abs() < 1e-12);

    let plain = folder.path().join("plain");
    train_digits(&plain, &data, &[]).answer();
    spikegrad(&["evaluate", plain.to_str().unwrap(), "--best"], "")
        .fails(2, &["holds no best epoch"]);
}

#[test]
fn a_run_starts_from_another_and_keeps_the_policy_that_it_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let data = digits(folder.path(), "data", 40, 10);
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    train_digits(&first, &data, &[]).answer();
    let from = ["--from", first.to_str().unwrap(), "--grazing", "floor=2.5"];
    train_digits(&second, &data, &from).answer();
    let made = config(&second);
    assert_eq!(made["init"]["from"], first.to_str().unwrap());
    assert_eq!(made["grazing"], json!({"floor": 2.5}));
    let other = ["--from", first.to_str().unwrap(), "--set", "layers.0.size=7"];
    train_digits(&folder.path().join("third"), &data, &other)
        .fails(2, &["first does: tensor `hidden.weight`", "[5, 4]", "[7, 4]"]);
    let missing = ["--from", "nowhere"];
    train_digits(&folder.path().join("third"), &data, &missing)
        .fails(2, &["cannot start as nowhere does: there is no run in nowhere"]);
}

#[test]
fn of_two_that_start_at_once_one_has_the_folder_and_its_settings_stay() {
    let folder = tempfile::tempdir().unwrap();
    for attempt in 0..10 {
        let out = folder.path().join(attempt.to_string());
        let start = |seed: &str| {
            let mut command = Command::new(PROGRAM);
            command
                .args(["train", "yin-yang", "--epochs", "1", "--quiet", "--seed", seed, "--out"])
                .arg(&out);
            command.args(["--set", "layers.0.size=4", "--set", "batch_size=1000"]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let ended = [start("1"), start("2")].map(|child| child.wait_with_output().unwrap());
        let winners = (1..).zip(&ended).filter(|(_, output)| output.status.success());
        let seeds: Vec<u64> = winners.map(|(seed, _)| seed).collect();
        let [seed] = seeds[..] else { panic!("{seeds:?}") };
        let read = |name: &str| -> Value {
            serde_json::from_slice(&std::fs::read(out.join(name)).unwrap()).unwrap()
        };
        assert_eq!(
            (&read("config.json")["seed"], &read("result.json")["seed"]),
            (&json!(seed), &json!(seed))
        );
        let loser = String::from_utf8_lossy(&ended[usize::from(seed == 1)].stderr).into_owned();
        assert!(
            loser.contains("another process is working on")
                || loser.contains("holds a run already"),
            "{loser}"
        );
    }
    // A process that was killed before it wrote anything leaves its lock, which nobody holds.
    let out = folder.path().join("stale");
    std::fs::create_dir(&out).unwrap();
    std::fs::write(out.join("metrics.jsonl"), "").unwrap();
    let data = digits(folder.path(), "data", 40, 10);
    train_digits(&out, &data, &[]).answer();
}
