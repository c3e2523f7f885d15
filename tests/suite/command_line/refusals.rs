//! Files and options that are not valid: status 2, and one sentence that names the place.
//!
//! Every file is refused with a cap on memory that only a program that checks before it allocates can keep.

use crate::program::{
    MEMORY_OF_A_REFUSAL, example, repository, shell, spikegrad, spikegrad_within,
};
use std::fs::File;
use std::time::{Duration, Instant};

/// The file with a place changed; the change must be one.
#[track_caller]
fn changed(file: &str, from: &str, to: &str) -> String {
    assert!(file.contains(from), "no {from} in the example");
    file.replacen(from, to, 1)
}

/// Both commands refuse the file and name all of `words`.
#[track_caller]
fn refuse(file: impl AsRef<[u8]>, words: &[&str]) {
    for command in ["simulate", "gradient"] {
        let start = Instant::now();
        spikegrad_within(MEMORY_OF_A_REFUSAL, &[command, "-"], &file).fails(2, words);
        assert!(start.elapsed() < Duration::from_secs(5), "a refusal takes no time");
    }
}

/// Each line: what stands in `recurrent.json`, what stands there now, and what the sentence must say.
#[track_caller]
fn refuse_changes(changes: &[(&str, &str, &[&str])]) {
    let file = example("recurrent.json");
    for (from, to, words) in changes {
        refuse(changed(&file, from, to), words);
    }
}

#[test]
fn a_number_that_is_none_is_refused_at_its_place() {
    let file = example("recurrent.json");
    for number in [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e400",
        "-1e400",
        "null",
        "\"1\"",
        "true",
        "[1]",
        "{}",
        "01",
        "+1",
        ".5",
        "1.",
    ] {
        let weights = format!("[[12, {number}, 1]");
        let place = "network.connections[0].weights[0][1]";
        refuse(changed(&file, "[[12, 2, 1]", &weights), &[place, "line 19"]);
        let spike = format!("[0, {number}]");
        refuse(changed(&file, "[0, 0.002]", &spike), &["stimulus.spikes[0][1]"]);
    }
    for number in ["NaN", "1e400", "\"x\"", "true", "{}"] {
        let tau = format!("\"tau_mem\": {number}");
        let place = "network.populations[0].params.tau_mem";
        refuse(changed(&file, "\"tau_mem\": 0.02", &tau), &[place]);
    }
}

#[test]
fn a_file_of_another_shape_is_refused() {
    refuse_changes(&[
        ("\"tau_mem\": 0.02", "\"tau_mem\": null", &["network.populations[0].params.tau_mem"]),
        ("\"delay\": 0.001", "\"delay\": null", &["network.connections[0].delay"]),
        ("\"delay\": 0.002}", "\"delay\": null}", &["network.connections[1].synapses[0].delay"]),
        ("\"t_ref\": 0.002}", "\"t_ref\": 0.002}, \"initial\": [0, 0]", &["initial"]),
        (
            "{\"pre\": 0, \"post\": 1, \"weight\": 3.0, \"delay\": 0.002}",
            "[0, 1, 3.0, 0.002]",
            &["synapses[0]"],
        ),
    ]);
    let network = r#"{"inputs": 0, "populations": [], "connections": []}"#;
    refuse(
        format!(r#"["spikegrad-problem", 1, {network}, {{"t_end": 0, "spikes": []}}, null]"#),
        &[],
    );
}

#[test]
fn a_size_is_refused_before_memory_is_taken_for_it() {
    let file = example("recurrent.json");
    for size in [
        "18446744073709551615",
        "18446744073709551616",
        "1000000000000000000",
        "8589934592",
        "1000001",
        "1e3",
        "1.0",
        "-1",
        "\"4\"",
        "null",
    ] {
        let place = "network.populations[0].size";
        refuse(changed(&file, "\"size\": 4", &format!("\"size\": {size}")), &[place]);
        let inputs = format!("\"inputs\": {size}");
        refuse(changed(&file, "\"inputs\": 3", &inputs), &["network.inputs"]);
    }
    refuse(changed(&file, "\"version\": 1", "\"version\": 1.0"), &["version"]);
}

#[test]
fn nesting_without_end_is_refused() {
    let file = example("recurrent.json");
    let deep = "[".repeat(100_000);
    refuse(&deep, &[]);
    refuse("{\"network\":".repeat(100_000), &[]);
    refuse(changed(&file, "[[12,", &deep), &["network.connections[0].weights[0][0]"]);
    refuse(changed(&file, "\"label\": 1", &format!("\"label\": {deep}")), &["loss.label"]);
}

#[test]
fn what_is_not_json_is_refused() {
    let file = example("recurrent.json");
    refuse("", &["line 1"]);
    refuse("null", &[]);
    refuse("[]", &[]);
    refuse(format!("{file}x"), &["trailing"]);
    refuse(format!("{file}{{}}"), &["trailing"]);
    refuse(format!("\u{feff}{file}"), &["line 1 column 1"]);
    refuse(&file[..file.len() / 2], &["network.connections[1]"]);
    refuse(file.replace("hidden", "hid\\ud800den"), &["network.populations[0].name"]);
    let mut bytes = file.clone().into_bytes();
    bytes[file.find("hidden").unwrap()] = 0xff;
    refuse(bytes, &["network.populations[0].name"]);
    refuse(file.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>(), &["line 1"]);
    refuse_changes(&[
        ("\"inputs\": 3,", "\"inputs\": 3, // three\n", &["network", "line 5"]),
        ("\"inputs\": 3,", "\"inputs\": 3,,", &["network", "line 5"]),
        ("[12, 2, 1]", "[12, 2, 1,]", &["network.connections[0].weights[0]"]),
    ]);
}

#[test]
fn keys_are_those_of_the_format_and_each_stands_once() {
    refuse_changes(&[
        ("\"inputs\": 3", "\"inputs\": 3, \"inputs\": 3", &["network", "duplicate", "inputs"]),
        (
            "\"tau_mem\"",
            "\"tau_mem\": 0.02, \"tau_mem\"",
            &["network.populations[0].params", "tau_mem"],
        ),
        ("\"label\": 1", "\"label\": 1, \"label\": 1", &["loss", "duplicate", "label"]),
        ("\"inputs\": 3", "\"inputs\": 3, \"outputs\": 3", &["network.outputs", "unknown"]),
        ("\"t_ref\"", "\"tref\"", &["network.populations[0].params.tref", "t_ref"]),
        ("\"label\": 1", "\"label\": 1, \"labels\": 1", &["loss", "labels"]),
        ("\"format\": \"spikegrad-problem\",", "", &["format"]),
        (
            "\"weights\": [[12, 2, 1], [1, 8, 3], [4, 4, 4], [2, 1, 7]],",
            "",
            &["network.connections[0]"],
        ),
        ("\"synapses\": [", "\"weights\": [[1]], \"synapses\": [", &["network.connections[1]"]),
        ("\"synapses\": [", "\"delay\": 0, \"synapses\": [", &["network.connections[1]", "delay"]),
        (
            "{\"tau_mem\": 0.02, \"tau_syn\": 0.005}}",
            "{\"v_th\": 1}}",
            &["network.populations[1].params", "v_th"],
        ),
    ]);
}

#[test]
fn words_are_those_of_the_format() {
    refuse_changes(&[
        ("spikegrad-problem", "spikegrad", &["format", "spikegrad-problem"]),
        ("\"version\": 1", "\"version\": 2", &["version"]),
        (
            "\"model\": \"lif\"",
            "\"model\": \"izhikevich\"",
            &["network.populations[0].model", "izhikevich", "lif"],
        ),
        ("\"name\": \"hidden\"", "\"name\": \"input\"", &["network.populations[0].name", "input"]),
        (
            "\"name\": \"hidden\"",
            "\"name\": \"readout\"",
            &["network.populations[1].name", "readout"],
        ),
        (
            "\"from\": \"hidden\"",
            "\"from\": \"hiden\"",
            &["network.connections[1].from", "hiden", "hidden"],
        ),
        ("\"to\": \"hidden\"", "\"to\": \"input\"", &["network.connections[0].to", "input"]),
        ("max_voltage_cross_entropy", "max_voltage", &["loss.type", "max_voltage_cross_entropy"]),
        (
            "\"population\": \"readout\"",
            "\"population\": \"output\"",
            &["loss.population", "output"],
        ),
    ]);
}

#[test]
fn shapes_and_indices_fit_the_network() {
    refuse_changes(&[
        ("[12, 2, 1]", "[12, 2]", &["network.connections[0].weights[0]", "2", "3"]),
        ("[[12, 2, 1], ", "[", &["network.connections[0].weights", "3", "4"]),
        ("\"delay\": 0.001", "\"delay\": [[0.001]]", &["network.connections[0].delay"]),
        (
            "\"i_bias\": [0.0, ",
            "\"i_bias\": [",
            &["network.populations[0].params.i_bias", "3", "4"],
        ),
        ("\"size\": 4", "\"size\": 5", &["network.", "4", "5"]),
        ("\"inputs\": 3", "\"inputs\": 2", &["network.connections[0].weights[0]"]),
        ("\"pre\": 2", "\"pre\": 4", &["network.connections[1].synapses[2].pre", "4"]),
        (
            "\"post\": 2",
            "\"post\": 18446744073709551615",
            &["network.connections[1].synapses[1].post"],
        ),
        ("[0, 0.002]", "[3, 0.002]", &["stimulus.spikes[0][0]", "3"]),
        ("[0, 0.002]", "[-1, 0.002]", &["stimulus.spikes[0][0]", "-1"]),
        ("[0, 0.002]", "[0, 0.002, 1]", &["stimulus.spikes[0]"]),
        ("[0, 0.002]", "[0]", &["stimulus.spikes[0]"]),
        ("\"label\": 1", "\"label\": 2", &["loss.label", "2"]),
        ("\"label\": 1", "\"label\": -1", &["loss", "-1"]),
    ]);
}

#[test]
fn numbers_are_within_their_ranges() {
    refuse_changes(&[
        (
            "\"tau_mem\": 0.02",
            "\"tau_mem\": 0",
            &["network.populations[0].params.tau_mem", "positive"],
        ),
        (
            "\"tau_mem\": 0.02",
            "\"tau_mem\": 1e-400",
            &["network.populations[0].params.tau_mem", "0.0"],
        ),
        (
            "\"tau_syn\": 0.005",
            "\"tau_syn\": -0.005",
            &["network.populations[0].params.tau_syn", "-0.005"],
        ),
        (
            "\"t_ref\": 0.002",
            "\"t_ref\": -1e-300",
            &["network.populations[0].params.t_ref", "-1e-300"],
        ),
        (
            "\"t_ref\"",
            "\"v_reset\": 1, \"t_ref\"",
            &["network.populations[0].params.v_reset", "v_th"],
        ),
        (
            "0.002}",
            "0.002}, \"initial\": {\"v\": 1}",
            &["network.populations[0].initial.v", "v_th"],
        ),
        (
            "0.002}",
            "0.002}, \"initial\": {\"v\": [0, 0, 2, 0]}",
            &["network.populations[0].initial.v[2]", "2.0"],
        ),
        ("\"delay\": 0.001", "\"delay\": -0.001", &["network.connections[0].delay", "-0.001"]),
        (
            "\"delay\": 0.003",
            "\"delay\": -0.003",
            &["network.connections[1].synapses[1].delay", "-0.003"],
        ),
        (
            "[0.0, 0.001, 0.003",
            "[0.0, -0.001, 0.003",
            &["network.connections[2].delay[1][1]", "-0.001"],
        ),
        ("[0, 0.002]", "[0, -0.002]", &["stimulus.spikes[0][1]", "-0.002"]),
        ("\"t_end\": 0.05", "\"t_end\": -0.05", &["stimulus.t_end", "-0.05"]),
    ]);
}

#[test]
fn a_name_cannot_move_the_cursor() {
    let name = r#""name": "hid\nden\u001b[2J\u0007""#;
    refuse(
        changed(&example("recurrent.json"), "\"name\": \"hidden\"", name),
        &["hid\\nden\\u{1b}[2J"],
    );
}

#[test]
fn what_was_typed_cannot_break_the_line() {
    for (arguments, sentence) in [
        (
            &["train", "yin-yang", "--set", "a\nb\u{1b}[2J"][..],
            "invalid value 'a\\nb\\u{1b}[2J' for '--set <KEY=VALUE>': it must be KEY=VALUE",
        ),
        (
            &["simulate", "-", "--plot", "a.svg", "--neurons", "a[\n]"],
            "invalid value 'a[\\n]' for '--neurons <NAMES>': a[\\n] must be the name",
        ),
        (
            &["sweep", "yin-yang", "--out", "a", "--over", "a=[1\r2]"],
            "invalid value 'a=[1\\r2]' for '--over",
        ),
        (&["gradient", "-", "--fro\nb"], "unexpected argument '--fro\\nb' found"),
        (&["dif\nferentiate"], "unrecognized subcommand 'dif\\nferentiate'"),
    ] {
        let run = spikegrad(arguments, "");
        assert_eq!((run.status, run.stdout.as_str()), (Some(2), ""), "{run:?}");
        let first = run.stderr.lines().next().unwrap();
        assert!(first.starts_with(&format!("error: {sentence}")), "{run:?}");
    }
}

#[test]
fn a_loss_with_the_wrong_keys_or_numbers_is_refused() {
    let file = std::fs::read_to_string(repository("tests/data/van_rossum.json")).unwrap();
    let start = file.find("\"loss\": ").unwrap();
    let refused = |loss: &str, words: &[&str]| {
        refuse(format!("{}\"loss\": {{\"population\": \"out\", {loss}}}}}", &file[..start]), words);
    };
    let rossum = |more: &str| format!("\"type\": \"van_rossum\", {more}");
    refused(&rossum("\"tau\": 0.01"), &["missing field `targets`"]);
    refused(&rossum("\"targets\": [[], []]"), &["missing field `tau`"]);
    refused(&rossum("\"targets\": [[]], \"tau\": 0.01"), &["loss.targets has 1 entries", "2"]);
    refused(
        &rossum("\"targets\": [[0.1, -0.1], []], \"tau\": 1"),
        &["loss.targets[0][1]", "0 or more"],
    );
    refused(&rossum("\"targets\": [[], []], \"tau\": 0"), &["loss.tau is 0.0", "positive time"]);
    refused(&rossum("\"targets\": [[], []], \"tau\": \"x\""), &["loss.tau"]);
    refused(
        &rossum("\"targets\": [[], []], \"tau\": 1, \"label\": 0"),
        &["unknown field `label`", "`targets`, `tau`", "of type `van_rossum`"],
    );
    let relative = |more: &str| format!("\"type\": \"relative_spike_time\", \"label\": 0{more}");
    refused(&relative(""), &["missing field `margin`"]);
    refused(&relative(", \"margin\": 1e400"), &["loss.margin"]);
    refused(&relative(", \"margin\": null"), &["loss.margin", "null"]);
    refused(&relative(", \"margin\": 0, \"tau0\": 1"), &["unknown field `tau0`"]);
    refused(
        "\"type\": \"relative_spike_time\", \"label\": 2, \"margin\": 0.001",
        &["loss.label is 2", "2 neurons"],
    );

    let file = std::fs::read_to_string(repository("tests/data/shaped_voltage_cross_entropy.json"));
    let file = file.unwrap();
    for (from, to, words) in [
        ("\"tau\": 0.025", "\"tau\": -1", ["loss.tau is -1.0", "positive time"]),
        ("\"scale\": 0.2", "\"scale\": 0", ["loss.scale is 0.0", "a positive number"]),
        ("\"label\": 0, ", "", ["missing field `label`", "of type `shaped_voltage_cross_entropy`"]),
        (", \"tau\": 0.025", "", ["missing field `tau`", "of type `shaped_voltage_cross_entropy`"]),
        // Potentials are read of any population, spikes only of one that can spike.
        (
            "\"shaped_voltage_cross_entropy\", \"population\": \"out\", \"label\": 0, \"tau\": 0.025, \"scale\": 0.2",
            "\"ttfs_cross_entropy\", \"population\": \"out\", \"label\": 0, \"tau0\": 0.025",
            ["loss.population", "a population that spikes"],
        ),
    ] {
        refuse(changed(&file, from, to), &words);
    }
}

#[test]
fn a_gradient_needs_a_loss() {
    let file = example("recurrent.json");
    let without = format!("{}}}", &file[..file.find(",\n  \"loss\"").unwrap()]);
    spikegrad(&["gradient", "-"], &without).fails(2, &["standard input", "loss"]);
    spikegrad(&["simulate", "-"], &without).answer();
}

#[test]
fn options_are_checked() {
    let file = example("two_inputs.json");
    for arguments in [
        &["gradient", "-", "--grazing", "never"][..],
        &["gradient", "-", "--grazing", "floor"],
        &["gradient", "-", "--grazing", "floor="],
        &["gradient", "-", "--grazing", "floor=0"],
        &["gradient", "-", "--grazing", "floor=-1"],
        &["gradient", "-", "--grazing", "floor=nan"],
        &["gradient", "-", "--grazing", "floor=inf"],
        &["gradient", "-", "--max-events", "-1"],
        &["gradient", "-", "--max-events", "18446744073709551616"],
        &["gradient", "-", "--threads", "0"],
        &["gradient", "-", "--record", "0.001"],
        &["gradient"],
        &["gradient", "-", "-"],
        &["simulate", "-", "--record", "0"],
        &["simulate", "-", "--record", "-1"],
        &["simulate", "-", "--record", "nan"],
        &["simulate", "-", "--record", "inf"],
        &["simulate", "-", "--plot", "figure.gif"],
        &["simulate", "-", "--plot", "svg"],
        &["schema", "-"],
        &["differentiate", "-"],
        &["--frobnicate"],
        &[],
    ] {
        let run = spikegrad(arguments, &file);
        assert_eq!(run.status, Some(2), "{arguments:?}: {run:?}");
        assert_eq!(run.stdout, "", "{arguments:?}");
        assert!(!run.stderr.is_empty(), "{arguments:?}");
        if let Some(option) = arguments.get(2) {
            assert!(run.stderr.starts_with("error: ") && run.stderr.contains(option), "{run:?}");
        }
    }
    for dt in ["1e-9", "1e-320", "1.9e-8"] {
        spikegrad(&["simulate", "-", "--record", dt], &file).fails(2, &["--record", "1000000"]);
    }
}

#[test]
fn a_file_over_the_limit_is_refused_without_being_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.json");
    File::create(&path).unwrap().set_len((256 << 20) + 1).unwrap();
    let path = path.to_str().unwrap();
    let run = spikegrad_within(MEMORY_OF_A_REFUSAL, &["simulate", path], "");
    run.fails(2, &[path, "268435456"]);
}

#[test]
#[cfg(target_os = "linux")]
fn an_input_without_end_is_read_up_to_the_limit() {
    // 256 MiB, and the doubling of a growing buffer.
    let script = "ulimit -v 1048576; exec \"$SPIKEGRAD\" simulate - < /dev/zero";
    let folder = tempfile::tempdir().unwrap();
    shell(script, folder.path()).fails(2, &["standard input", "268435456"]);
}
