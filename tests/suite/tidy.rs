//! Tidiness: headers and lengths of source files, paths and pages that the documentation names, and the invariants of
//! `docs/architecture.md` that need no compiler.
//!
//! Looks at the text of the checkout and at what `cargo metadata` says of it. Not here: formatting and lints (`.ci/run`).

use crate::support::here;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A source file longer than this holds more than one concern.
const LONGEST: usize = 800;

/// Longer than this is worth a look.
const LONG: usize = 600;

/// Folders with source code.
const CODE: [&str; 4] = ["crates", "tests", "benches", "examples"];

/// Libraries that print nothing, read no environment and open no files.
const QUIET: [&str; 7] = ["dynamics", "network", "simulate", "adjoint", "compare", "studies", ""];

fn root() -> PathBuf {
    here("..")
}

fn name(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/")
}

/// Files below `folder` whose names end in `ending`, in order; what builds and runs leave behind is not ours.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let own = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !matches!(own, "target" | "runs") && !own.starts_with('.') {
            found.extend(files(&path, ending));
        } else if own.ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// Every source file: its name and its text.
fn sources() -> Vec<(String, String)> {
    let paths = CODE.iter().flat_map(|folder| files(&root().join(folder), ".rs"));
    paths.map(|path| (name(&path), read(&path))).collect()
}

/// Every page of the documentation.
fn pages() -> Vec<PathBuf> {
    files(&root().join("docs"), ".md")
}

/// The lines of `text` that run outside of unit tests: neither comments nor what follows the head of a test module.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let of_tests = |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1].ends_with('{');
    let end = lines.windows(2).position(of_tests).unwrap_or(lines.len());
    lines.into_iter().take(end).filter(|line| !line.starts_with("//"))
}

/// What stands between `open` and the next `close`, wherever it does.
fn between<'a>(text: &'a str, open: &'a str, close: char) -> impl Iterator<Item = &'a str> {
    text.split(open)
        .skip(1)
        .filter_map(move |rest| rest.split_once(close).map(|(inside, _)| inside))
}

fn check_none(what: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{what}:\n  {}", findings.join("\n  "));
}

#[test]
fn every_source_file_opens_with_what_it_is() {
    let bare = sources().into_iter().filter(|(_, text)| !text.starts_with("//! "));
    check_none("no `//!` header", &bare.map(|(name, _)| name).collect::<Vec<_>>());
}

#[test]
#[expect(clippy::print_stdout, reason = "a list to look at, not a failure")]
fn no_source_file_holds_more_than_one_concern() {
    let mut too_long = Vec::new();
    for (name, text) in sources() {
        let lines = text.lines().count();
        if lines > LONG {
            println!("long: {name} has {lines} lines");
        }
        if lines > LONGEST {
            too_long.push(format!("{name}: {lines}"));
        }
    }
    check_none("more than 800 lines", &too_long);
}

#[test]
fn paths_that_the_architecture_page_names_exist() {
    let page = read(&root().join("docs/architecture.md"));
    let is_path = |text: &&str| text.contains('/') && !text.contains([' ', '\n', '<', ':', '(']);
    let named: BTreeSet<&str> = page.split('`').skip(1).step_by(2).filter(is_path).collect();
    assert!(named.len() > 10, "the page names almost no path: {named:?}");
    let missing = named.into_iter().filter(|path| !root().join(path).exists());
    check_none("no such path", &missing.map(str::to_owned).collect::<Vec<_>>());
}

#[test]
fn pages_that_the_sources_name_exist() {
    let mut missing = Vec::new();
    for (name, text) in sources() {
        for rest in between(&text, "docs/", '\n') {
            let page: String = rest
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || "/_-.".contains(*c))
                .collect();
            let page = page.trim_end_matches('.');
            if page.ends_with(".md") && !root().join("docs").join(page).exists() {
                missing.push(format!("docs/{page}, named in {name}"));
            }
        }
    }
    check_none("no such page", &missing);
}

#[test]
fn every_page_is_listed_in_the_summary_once() {
    let docs = root().join("docs");
    let summary = read(&docs.join("SUMMARY.md"));
    let listed: Vec<PathBuf> = between(&summary, "](", ')').map(|page| docs.join(page)).collect();
    let once: BTreeSet<&PathBuf> = listed.iter().collect();
    assert_eq!(once.len(), listed.len(), "a page is listed twice");
    let all = pages();
    let all: BTreeSet<&PathBuf> = all.iter().filter(|page| !page.ends_with("SUMMARY.md")).collect();
    let different: Vec<String> = all.symmetric_difference(&once).map(|page| name(page)).collect();
    check_none("listed and missing, or there and not listed", &different);
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut broken = Vec::new();
    let of_the_root =
        ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|page| root().join(page));
    for page in of_the_root.into_iter().chain(pages()) {
        let text = read(&page);
        // Pictures are made by commands, and may not have been made yet.
        let is_local_page = |link: &&str| !link.contains("://") && !link.ends_with(".png");
        for link in between(&text, "](", ')').filter(is_local_page) {
            let path = link.split('#').next().unwrap();
            if !page.parent().unwrap().join(path).exists() {
                broken.push(format!("{link} in {}", name(&page)));
            }
        }
    }
    check_none("a link that leads nowhere", &broken);
}

/// For each package of the workspace, the packages of the project that it depends on: for itself, and in all.
fn dependencies() -> BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let of_package = |package: &Value| {
        let ours = || {
            let all = package["dependencies"].as_array().unwrap().iter();
            all.filter(|d| d["name"].as_str().unwrap().starts_with("spikegrad"))
        };
        let normal = ours().filter(|d| d["kind"].is_null()).map(|d| text(&d["name"])).collect();
        (text(&package["name"]), (normal, ours().map(|d| text(&d["name"])).collect()))
    };
    metadata["packages"].as_array().unwrap().iter().map(of_package).collect()
}

#[test]
fn crates_depend_on_those_below_them_alone() {
    let dependencies = dependencies();
    let (_, of_dynamics) = &dependencies["spikegrad-dynamics"];
    assert!(of_dynamics.is_empty(), "the mathematics of one neuron depends on {of_dynamics:?}");
    for (package, below) in [
        ("spikegrad-network", &["spikegrad-dynamics"][..]),
        ("spikegrad-simulate", &["spikegrad-dynamics", "spikegrad-network"]),
        ("spikegrad-adjoint", &["spikegrad-dynamics", "spikegrad-network"]),
        ("spikegrad-report", &[]),
        ("spikegrad-fit", &["spikegrad"]),
        ("spikegrad-train", &["spikegrad", "spikegrad-report"]),
    ] {
        let (normal, _) = &dependencies[package];
        let below: BTreeSet<String> = below.iter().map(|&name| name.to_owned()).collect();
        assert!(normal.is_subset(&below), "{package} depends on {normal:?}");
    }
}

#[test]
fn a_yardstick_does_not_know_what_it_measures() {
    // By itself, or through the facade that has it.
    let names_the_adjoint = |text: &str| {
        code(text).any(|line| line.contains("spikegrad_adjoint") || line.contains("spikegrad::"))
    };
    let naming: Vec<String> = sources()
        .into_iter()
        .filter(|(name, text)| {
            name.starts_with("crates/spikegrad-compare/src/") && names_the_adjoint(text)
        })
        .map(|(name, _)| name)
        .collect();
    assert_eq!(naming, ["crates/spikegrad-compare/src/exact.rs"], "these name the adjoint");
}

#[test]
fn the_second_simulator_shares_no_code_with_the_engine() {
    let folder = "tests/suite/second_simulator/";
    let of_it: Vec<_> =
        sources().into_iter().filter(|(name, _)| name.starts_with(folder)).collect();
    assert!(of_it.len() > 4);
    // It is told what spiked when, and no more.
    let is_foreign = |line: &&str| line.contains("spikegrad") && *line != "use spikegrad::Trace;";
    let findings = of_it.iter().flat_map(|(name, text)| {
        code(text).filter(is_foreign).map(move |line| format!("{name}: {line}"))
    });
    check_none("the second simulator knows the engine", &findings.collect::<Vec<_>>());
}

#[test]
fn libraries_are_quiet() {
    let folders = QUIET.map(|library| match library {
        "" => "crates/spikegrad/src/".to_owned(),
        _ => format!("crates/spikegrad-{library}/src/"),
    });
    let loud =
        ["print!", "println!", "dbg!", "std::env", "env::var", "std::fs", "{fs", "File::open"];
    let mut findings = Vec::new();
    for (name, text) in sources() {
        if folders.iter().any(|folder| name.starts_with(folder)) {
            let lines = code(&text).filter(|line| loud.iter().any(|word| line.contains(word)));
            findings.extend(lines.map(|line| format!("{name}: {line}")));
        }
    }
    check_none("a library prints, reads the environment or opens a file", &findings);
}

/// Whether `word` stands in `text`, with no letter, digit or sign of a longer path before it and no letter or digit after it.
fn stands_alone(text: &str, word: &str) -> bool {
    let goes_on = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(|c| goes_on(c) || "./~".contains(c)) && !after.is_some_and(goes_on)
    })
}

#[test]
fn nothing_names_a_machine_or_is_left_to_be_done() {
    // Written in two parts, so that this file does not find itself.
    let machine = ["work", "tmp", "root", "home", "Users"].map(|folder| format!("/{folder}"));
    let leftover = [concat!("TO", "DO"), concat!("FIX", "ME")];
    let mut paths = vec![root().join(".ci/run")];
    for ending in [".md", ".toml", ".py", ".rs"] {
        paths.extend(files(&root(), ending));
    }
    let mut findings = Vec::new();
    for path in paths {
        let text = read(&path);
        let words = machine.iter().map(String::as_str).chain(leftover);
        let found = words.filter(|word| stands_alone(&text, word));
        findings.extend(found.map(|word| format!("{word} in {}", name(&path))));
    }
    check_none("a path of some machine, or something left to be done", &findings);
}
