//! Several processes that train one run: here threads that share nothing but messages. Their bits are those of one process.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot set itself up should panic"
)]

use spikegrad::Settings;
use spikegrad_train::{
    Checkpoint, Config, EpochRecord, Observer, Progress, Run, RunFolder, RunResult, Team,
    TrainError, fit, follow,
};
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

/// One end of a channel to each of the others.
#[derive(Debug)]
struct Wired {
    rank: usize,
    to: Vec<Sender<Vec<u8>>>,
    from: Vec<Mutex<Receiver<Vec<u8>>>>,
}

impl Team for Wired {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.to.len()
    }

    fn send(&self, to: usize, message: &[u8]) {
        assert_ne!(to, self.rank);
        self.to[to].send(message.to_vec()).unwrap();
    }

    fn receive(&self, from: usize) -> Vec<u8> {
        assert_ne!(from, self.rank);
        self.from[from].lock().unwrap().recv().unwrap()
    }
}

fn team(size: usize) -> Vec<Arc<dyn Team>> {
    let (mut to, mut from): (Vec<Vec<_>>, Vec<Vec<_>>) =
        (0..size).map(|_| (Vec::new(), Vec::new())).unzip();
    for sender in &mut to {
        for receiver in &mut from {
            let (tx, rx) = channel();
            sender.push(tx);
            receiver.push(Mutex::new(rx));
        }
    }
    let wired = to.into_iter().zip(from).enumerate();
    wired.map(|(rank, (to, from))| Arc::new(Wired { rank, to, from }) as Arc<dyn Team>).collect()
}

/// Trains a run in `folder` with so many processes; what the first says, and whether the others came to its end.
fn train_with<O: Observer>(
    (mut folder, mut run): (RunFolder, Run),
    size: usize,
    observer: &mut O,
) -> Result<ControlFlow<(), RunResult>, TrainError> {
    let mut team = team(size).into_iter();
    let first = team.next().unwrap();
    std::thread::scope(|scope| {
        let others: Vec<_> = team
            .map(|team| {
                scope.spawn(move || follow(&mut Run::follow(team, Settings::default()).unwrap()))
            })
            .collect();
        run.lead(first).unwrap();
        let outcome = fit(&mut run, &mut folder, observer);
        for other in others {
            match (other.join().unwrap(), &outcome) {
                (Ok(ended), Ok(first)) => assert_eq!(ended.is_break(), first.is_break()),
                (Err(reason), Err(first)) => assert_eq!(reason.to_string(), first.to_string()),
                (other, first) => panic!("{other:?} beside {first:?}"),
            }
        }
        outcome
    })
}

fn start(path: &Path, config: &Config) -> (RunFolder, Run) {
    let run = Run::new(config, Settings::default()).unwrap();
    (RunFolder::create(path, config).unwrap(), run)
}

fn resume(path: &Path, config: &Config) -> (RunFolder, Run) {
    let mut folder = RunFolder::open(path).unwrap();
    let run = folder.resume(config, Settings::default()).unwrap();
    (folder, run)
}

/// What must not depend on who trained: everything but the seconds.
fn outcome(path: &Path) -> (Checkpoint, Vec<EpochRecord>) {
    let metrics = fs::read_to_string(path.join("metrics.jsonl")).unwrap();
    let records = metrics.lines().map(|line| {
        let record: EpochRecord = serde_json::from_str(line).unwrap();
        EpochRecord { seconds: 0.0, ..record }
    });
    (Checkpoint::load(&path.join("checkpoint.safetensors")).unwrap(), records.collect())
}

fn small(changes: &[(&str, &str)]) -> Config {
    let small = [
        ("layers.0.size", "12"),
        ("layers.1.weights.mean", "3"),
        // The last of its chunks is not full.
        ("batch_size", "53"),
        ("epochs", "2"),
    ];
    Config::default().with(&small).unwrap().0.with(changes).unwrap().0
}

/// Numbers that many synapses share are summed once more, after the sum over the samples.
const SHARED: &str = r#"[
    {"name": "features", "kind": {"name": "conv2d", "input_shape": [1, 2, 2], "out_channels": 2, "kernel_size": 2, "padding": 1},
     "model": "lif", "tau_mem": 0.02, "tau_syn": 0.005, "weights": {"mean": 3, "std": 1}},
    {"name": "output", "model": "lif", "tau_mem": 0.02, "tau_syn": 0.005, "weights": {"mean": 2, "std": 0.5}}]"#;

#[test]
fn any_number_of_processes_gives_the_bits_of_one() {
    let parent = tempfile::tempdir().unwrap();
    for (k, config) in [
        small(&[("average", "0.9"), ("clip", "1"), ("best", r#"{"by": "validation-loss"}"#)]),
        Config { batch_size: 30, ..small(&[("layers", SHARED)]) },
    ]
    .iter()
    .enumerate()
    {
        let folder = |name: &str| parent.path().join(format!("{name}-{k}"));
        let (mut alone, mut run) = start(&folder("alone"), config);
        assert!(fit(&mut run, &mut alone, &mut ()).unwrap().is_continue());
        let expected = outcome(&folder("alone"));
        // More than there are chunks in a batch, too.
        for size in [1, 2, 3, 9] {
            let path = folder(&size.to_string());
            assert!(train_with(start(&path, config), size, &mut ()).unwrap().is_continue());
            assert_eq!(outcome(&path), expected, "{size} processes");
        }
    }
}

/// Ends a run in the middle of its second epoch.
struct Impatient;

impl Observer for Impatient {
    fn batch(&mut self, progress: Progress) -> ControlFlow<()> {
        match (progress.epoch, progress.batches) {
            (2, 3) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }

    fn epoch(&mut self, _: &EpochRecord) {}
}

#[test]
fn a_run_that_was_interrupted_goes_on_with_another_number() {
    let parent = tempfile::tempdir().unwrap();
    let [whole, parts] = ["whole", "parts"].map(|name| parent.path().join(name));
    let config = small(&[("average", "0.9")]);
    assert!(train_with(start(&whole, &config), 2, &mut ()).unwrap().is_continue());
    assert!(train_with(start(&parts, &config), 3, &mut Impatient).unwrap().is_break());
    assert_eq!(outcome(&parts).0.epoch, 1);
    assert!(train_with(resume(&parts, &config), 2, &mut ()).unwrap().is_continue());
    assert_eq!(outcome(&parts), outcome(&whole));
}

#[test]
fn a_sample_that_fails_is_named_by_all() {
    let parent = tempfile::tempdir().unwrap();
    // A rate with which the first step goes to where an integrator's potential overflows.
    let config = small(&[("learning_rates.weights", "1e300")]);
    let error = |size: usize| {
        let path = parent.path().join(size.to_string());
        train_with(start(&path, &config), size, &mut ()).unwrap_err().to_string()
    };
    let expected = error(1);
    assert!(expected.contains("epoch 1, batch 2"), "{expected}");
    assert_eq!([error(2), error(4)], [expected.clone(), expected]);
}

#[test]
fn one_that_cannot_take_the_run_over_is_named() {
    let parent = tempfile::tempdir().unwrap();
    let (_folder, mut run) = start(&parent.path().join("run"), &small(&[]));
    let mut team = team(2).into_iter();
    let (first, second) = (team.next().unwrap(), team.next().unwrap());
    std::thread::scope(|scope| {
        // It waits for a run, and says that what came is none.
        scope.spawn(move || {
            second.receive(0);
            let refusal: Result<(), String> = Err("no such data".into());
            second.send(0, &postcard::to_allocvec(&refusal).unwrap());
            second.receive(0);
        });
        let error = run.lead(first).unwrap_err().to_string();
        assert_eq!(error, "process 1, counted from 0: no such data");
    });
}
