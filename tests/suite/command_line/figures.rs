//! What `simulate --plot` draws: all, or what was asked for.

use crate::program::{Run, repository, spikegrad};
use std::path::Path;

fn problem() -> String {
    repository("examples/problems/recurrent.json").to_str().unwrap().to_owned()
}

fn plot(to: &Path, options: &[&str]) -> Run {
    let problem = problem();
    let plot = ["simulate", &problem, "--plot", to.to_str().unwrap()];
    spikegrad(&[&plot[..], options].concat(), "")
}

#[test]
fn only_what_is_named_is_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let figure = folder.path().join("figure.svg");
    let drawn = |options: &[&str]| {
        plot(&figure, options).answer();
        std::fs::read_to_string(&figure).unwrap()
    };
    let all = drawn(&[]);
    for word in [">input<", ">hidden<", ">hidden[3]<", ">readout[1]<", "4 neurons"] {
        assert!(all.contains(word), "{word}");
    }
    assert!(!all.contains(">readout<"), "integrators have no band");
    let some = drawn(&["--neurons", "hidden[1..3],readout[0]"]);
    for word in [">hidden<", "2 neurons", ">hidden[1]<", ">hidden[2]<", ">readout[0]<"] {
        assert!(some.contains(word), "{word}");
    }
    for word in [">input<", ">hidden[0]<", ">hidden[3]<", ">readout[1]<"] {
        assert!(!some.contains(word), "{word}");
    }
    let short = drawn(&["--window", "0.01..0.02"]);
    assert!(short.matches("<polyline").count() < all.matches("<polyline").count());
    assert!(short.contains(">12<") && !short.contains(">30<"), "times outside");
    let sized = drawn(&["--size", "1200x700"]);
    assert!(sized.starts_with("<svg width=\"1200\" height=\"700\""), "{}", &sized[..60]);
    assert!(drawn(&["--size", "500"]).starts_with("<svg width=\"500\""));
}

#[test]
fn what_is_not_there_is_not_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let figure = folder.path().join("figure.svg");
    let refuse = |options: &[&str], words: &[&str]| plot(&figure, options).fails(2, words);
    refuse(&["--neurons", "hiden"], &["hiden", "input, hidden, readout"]);
    refuse(&["--neurons", "hidden[2..5]"], &["hidden[2..5]", "4 neurons"]);
    refuse(&["--window", "0.04..0.06"], &["0.04..0.06", "0.05 s"]);
    refuse(&["--size", "900x300", "--neurons", &["hidden"; 40].join(",")], &["300.0 points"]);
    for options in [
        &["--window", "0.02..0.01"][..],
        &["--window", "nan..1"],
        &["--window", "0.01"],
        &["--size", "10x10"],
        &["--size", "1e300"],
        &["--neurons", "hidden[3..1]"],
        &["--neurons", ""],
    ] {
        let run = plot(&figure, options);
        assert_eq!((run.status, run.stdout.as_str()), (Some(2), ""), "{options:?}");
    }
    for option in [["--window", "0..0.01"], ["--size", "900"], ["--neurons", "hidden"]] {
        let run = spikegrad(&[&["simulate", &problem()][..], &option].concat(), "");
        assert_eq!((run.status, run.stdout.as_str()), (Some(2), ""), "without --plot: {option:?}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
