//! The commands that the pages print: each is a command, and all of them can be typed in the order in which a reader meets them.
//!
//! A run has a folder of its own, so two commands that would start one in the same folder cannot both be typed; nor can one that goes on
//! with a run that nobody has started. Not here: the examples of the help (`help.rs`), links between pages (the suite).

use crate::program::{PROGRAM, repository, run};
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;

/// A command of a page: the words after `cargo run … --`.
struct Printed {
    page: String,
    words: Vec<String>,
}

/// The pages in the order in which they are read: the first one, then the book.
fn pages() -> Vec<String> {
    let summary = std::fs::read_to_string(repository("docs/SUMMARY.md")).unwrap();
    let links = summary.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let book = links.map(|(link, _)| format!("docs/{link}"));
    std::iter::once("README.md".to_owned()).chain(book).collect()
}

/// The words of a line for the shell, of which only single quotes are known.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for letter in line.chars() {
        match letter {
            '\'' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.push(String::new()),
            '#' if !is_quoted && words.last().is_some_and(String::is_empty) => break,
            _ => words.last_mut().unwrap().push(letter),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn printed() -> Vec<Printed> {
    let mut all = Vec::new();
    for page in pages() {
        let text = std::fs::read_to_string(repository(&page)).unwrap();
        for block in text.split("```sh\n").skip(1) {
            let block =
                block.split("```").next().unwrap().replace("\\\n", " ").replace("$seed", "0");
            for line in block.lines().map(str::trim).filter(|line| line.starts_with("cargo run")) {
                // Others run an example or a benchmark.
                if let Some((_, command)) =
                    line.split_once(" -- ").filter(|(cargo, _)| !cargo.contains("-p "))
                {
                    all.push(Printed { page: page.clone(), words: words(command) });
                }
            }
        }
    }
    all
}

impl Printed {
    fn option(&self, name: &str) -> Option<&str> {
        let at = self.words.iter().position(|word| word == name)?;
        self.words.get(at + 1).map(String::as_str)
    }

    /// The folder that the run is in.
    fn folder(&self) -> String {
        if let Some(out) = self.option("--out") {
            return out.to_owned();
        }
        let data = match self.option("--config") {
            Some(path) => {
                let config = std::fs::read_to_string(repository(path)).unwrap();
                let config: Value = serde_json::from_str(&config).unwrap();
                config["data"]["name"].as_str().unwrap().to_owned()
            }
            None => self.words[1].clone(),
        };
        format!("runs/{data}-{}", self.option("--seed").unwrap_or("0"))
    }
}

#[test]
fn commands_can_be_typed_in_the_order_in_which_they_are_met() {
    let mut started: BTreeSet<String> = BTreeSet::new();
    let (mut of_the_page, mut page) = (BTreeSet::new(), String::new());
    let mut count = 0;
    for command in printed() {
        if command.page != page {
            (of_the_page, page) = (BTreeSet::new(), command.page.clone());
        }
        let what = format!("{page}: {}", command.words.join(" "));
        let starts = matches!(command.words[0].as_str(), "train" | "sweep");
        if starts && !command.words.iter().any(|word| word == "--resume") {
            let folder = command.folder();
            assert!(started.insert(folder.clone()), "{what}: {folder} is there already");
            of_the_page.insert(folder);
            count += 1;
        } else {
            let goes_on =
                starts || command.words[0] == "evaluate" || command.option("--sample").is_some();
            let folder = if starts { command.folder() } else { command.words[1].clone() };
            assert!(!goes_on || of_the_page.contains(&folder), "{what}: there is no {folder}");
        }
    }
    assert!(count > 20, "{count} runs");
}

#[test]
fn every_command_is_understood() {
    let mut count = 0;
    for command in printed() {
        // What is not there ends a run before it has begun, but after its options were understood.
        let (more, status, said): (&[&str], _, _) = match command.words[0].as_str() {
            "train" | "sweep" => (&["--set", "nothing.of.this.name=1"], 2, "nothing.of.this.name"),
            "evaluate" | "export" => (&[], 2, "there is no run in"),
            _ if command.option("--sample").is_some() => (&[], 2, "there is no run in"),
            _ => continue,
        };
        if command.words.iter().any(|word| word == "--resume") {
            continue;
        }
        let run = run(
            Command::new(PROGRAM).args(&command.words).args(more).current_dir(repository("")),
            "",
        );
        let what = format!("{}: {}", command.page, command.words.join(" "));
        assert_eq!(run.status, Some(status), "{what}: {}", run.stderr);
        assert!(
            run.stderr.starts_with("error: ") && run.stderr.contains(said),
            "{what}: {}",
            run.stderr
        );
        count += 1;
    }
    assert!(count > 30, "{count} commands");
}
