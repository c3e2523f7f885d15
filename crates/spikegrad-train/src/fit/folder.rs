//! The folder of a run: what is needed to repeat it, to follow it and to go on with it.
//!
//! ```text
//! config.json             every number that the run depends on
//! metrics.jsonl           a line an epoch, see `EpochRecord`
//! checkpoint.safetensors  the last completed epoch
//! best.safetensors        the best one by the validation set, if one is chosen
//! report.html             everything on one page                ┐
//! curves.svg, .png        loss and error over the epochs        │
//! confusion.svg, .png     classes and answers                   │
//! histories.svg, .png     gradient, slopes and silent neurons   │ after the last epoch
//! activity.svg, .png      firing rates and spike times          │
//! raster.svg, .png        one test sample, spike by spike       │
//! decision_map.svg, .png  Yin-Yang's disc                       │
//! result.json             see `RunResult`                       ┘
//! ```
//!
//! An epoch's line is on the disk before its checkpoint is; so a run that is killed has at least
//! the lines of its checkpoint, and surplus ones are cut off when it goes on. Everything but the
//! metrics is written beside and renamed. The metrics file is locked while a process works on the folder, from before anything else
//! is written: of two that start a run at once, one is refused and leaves no trace. The lock is the system's, and goes with the
//! process, however that ends.
//!
//! Not here: the numbers of a run (`mod.rs`).

use spikegrad::Settings;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::record::{BestEpoch, EpochRecord, RunResult};
use super::{Classifier, Run, figures, warning};
use crate::{Checkpoint, Config, TrainError};
use spikegrad_report::{TEMPORARY_PREFIX, write_beside};

const CONFIG: &str = "config.json";
const METRICS: &str = "metrics.jsonl";
const CHECKPOINT: &str = "checkpoint.safetensors";
const BEST: &str = "best.safetensors";
const RESULT: &str = "result.json";

/// Which parameters of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stored {
    /// Those of the last completed epoch.
    #[default]
    Last,
    /// Those of the best epoch by the validation set.
    Best,
}

/// Reads the checkpoint of a run, or one that is named itself.
pub(super) fn checkpoint_at(path: &Path) -> Result<Checkpoint, TrainError> {
    if path.is_file() {
        return Checkpoint::load(path);
    }
    RunFolder::checkpoint(path, Stored::Last)
}

/// A folder that this process alone works on.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// Locked until the folder is dropped.
    metrics: File,
    records: Vec<EpochRecord>,
}

impl RunFolder {
    /// Makes the folder of a new run, which must not exist or be empty.
    ///
    /// # Errors
    ///
    /// [`TrainError::Occupied`] if there is a run, [`TrainError::Busy`] if another process is about to make one,
    /// [`TrainError::NotEmpty`] if there is anything else, [`TrainError::Write`] if it cannot be made. Nothing in the folder has then
    /// changed.
    pub fn create(path: &Path, config: &Config) -> Result<Self, TrainError> {
        let unwritable = |reason| TrainError::Write { path: path.to_path_buf(), reason };
        fs::create_dir_all(path).map_err(unwritable)?;
        // Before the lock, which is a file, and after it: another process may have been faster.
        Self::check_free(path)?;
        let folder = Self::lock(path)?;
        Self::check_free(path)?;
        write_config(path, config)?;
        Ok(folder)
    }

    /// Refuses a folder that holds anything but what a process leaves that was killed before it wrote its configuration.
    ///
    /// Whether the rest is a run is asked after the listing: what another process wrote in the meantime follows its configuration.
    fn check_free(path: &Path) -> Result<(), TrainError> {
        let unreadable = |reason| TrainError::Read { path: path.to_path_buf(), reason };
        for entry in fs::read_dir(path).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let is_empty = || entry.metadata().is_ok_and(|metadata| metadata.len() == 0);
            let is_lock = entry.file_name() == METRICS && is_empty();
            if !is_lock && !is_temporary(&entry) {
                let path = path.to_path_buf();
                return Err(match Self::exists(&path) {
                    true => TrainError::Occupied { path },
                    false => TrainError::NotEmpty { path },
                });
            }
        }
        Ok(())
    }

    /// Whether there is a run at `path`.
    #[must_use]
    pub fn exists(path: &Path) -> bool {
        path.join(CONFIG).exists()
    }

    /// The result of the run at `path`, if there is one, of this configuration, that has come to its end.
    ///
    /// # Errors
    ///
    /// [`TrainError::OtherRun`] if the run at `path` has other settings, [`TrainError::Read`], and as [`Config::from_json`].
    pub fn result(path: &Path, config: &Config) -> Result<Option<RunResult>, TrainError> {
        if !path.join(RESULT).exists() {
            return Ok(None);
        }
        let read = |name| {
            let path = path.join(name);
            fs::read_to_string(&path).map_err(|reason| TrainError::Read { path, reason })
        };
        let kept = Config::of_run(&read(CONFIG)?)?;
        config.check_continues(&kept)?;
        let result: Option<RunResult> = serde_json::from_str(&read(RESULT)?).ok();
        let waited = kept.best == config.best;
        Ok(result.filter(|result| result.stopped_early && waited || result.epochs == config.epochs))
    }

    /// Opens the folder of a run, to go on with it.
    ///
    /// # Errors
    ///
    /// [`TrainError::NoRun`] if there is no run, [`TrainError::Busy`] if another process works on
    /// it, [`TrainError::Write`] if its metrics cannot be opened.
    pub fn open(path: &Path) -> Result<Self, TrainError> {
        if !Self::exists(path) {
            return Err(TrainError::NoRun { path: path.to_path_buf() });
        }
        let folder = Self::lock(path)?;
        // What a killed process was writing; that it stays would not matter.
        for entry in fs::read_dir(path).into_iter().flatten().flatten().filter(is_temporary) {
            let _ = fs::remove_file(entry.path());
        }
        Ok(folder)
    }

    fn lock(path: &Path) -> Result<Self, TrainError> {
        let name = path.join(METRICS);
        let metrics = File::options().create(true).append(true).read(true).open(&name);
        let metrics = metrics.map_err(|reason| TrainError::Write { path: name.clone(), reason })?;
        // A file system that cannot lock has no reason not to be used.
        if let Err(TryLockError::WouldBlock) = metrics.try_lock() {
            return Err(TrainError::Busy { path: path.to_path_buf() });
        }
        Ok(Self { path: path.to_path_buf(), metrics, records: Vec::new() })
    }

    /// Where the folder is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the configuration of the run.
    ///
    /// # Errors
    ///
    /// [`TrainError::Read`], and as [`Config::of_run`].
    pub fn config(&self) -> Result<Config, TrainError> {
        let path = self.path.join(CONFIG);
        let text = fs::read_to_string(&path).map_err(|reason| TrainError::Read { path, reason })?;
        Config::of_run(&text)
    }

    /// Prepares the run of this folder to go on with `config`, which may differ from that of the folder in what
    /// [`Config::check_continues`] says.
    ///
    /// # Errors
    ///
    /// [`TrainError::OtherRun`] for the first setting that differs, [`TrainError::MissingEpoch`] if
    /// the metrics are not those of the checkpoint, and as [`Checkpoint::load`] and [`Run::resume`].
    /// Nothing in the folder has then changed.
    pub fn resume(&mut self, config: &Config, settings: Settings) -> Result<Run, TrainError> {
        config.validate()?;
        let kept = self.config()?;
        config.check_continues(&kept)?;
        let path = self.path.join(CHECKPOINT);
        let run = match path.exists() {
            true => Run::resume(config, &Checkpoint::load(&path)?, settings)?,
            false => Run::new(config, settings)?,
        };
        self.take_up_metrics(run.completed())?;
        if kept != *config {
            write_config(&self.path, config)?;
        }
        Ok(run)
    }

    /// Reads the lines of the completed epochs, and cuts off what stands after them.
    fn take_up_metrics(&mut self, completed: u32) -> Result<(), TrainError> {
        let path = self.path.join(METRICS);
        let text = fs::read_to_string(&path)
            .map_err(|reason| TrainError::Read { path: path.clone(), reason })?;
        let (mut records, mut kept) = (Vec::new(), 0_u64);
        for (epoch, line) in (1..=completed).zip(text.split_inclusive('\n')) {
            match serde_json::from_str::<EpochRecord>(line) {
                Ok(record) if record.epoch == epoch => records.push(record),
                _ => return Err(TrainError::MissingEpoch { path, epoch, completed }),
            }
            kept += line.len() as u64;
        }
        let found = u32::try_from(records.len()).unwrap_or(completed);
        if found < completed {
            return Err(TrainError::MissingEpoch { path, epoch: found + 1, completed });
        }
        self.metrics.set_len(kept).map_err(|reason| TrainError::Write { path, reason })?;
        self.records = records;
        Ok(())
    }

    /// Keeps what a run starts with that is not drawn: it may be gone when the run goes on. [`fit`](super::fit) does this before the first epoch.
    ///
    /// # Errors
    ///
    /// [`TrainError::Write`].
    pub fn begin(&self, run: &Run) -> Result<(), TrainError> {
        let path = self.path.join(CHECKPOINT);
        if run.classifier().config().init.is_none() || path.exists() {
            return Ok(());
        }
        run.checkpoint()?.save(&path)
    }

    /// Adds the line of an epoch, and then replaces the checkpoint, and that of the best epoch if this is it. [`fit`](super::fit) does this after each
    /// epoch.
    ///
    /// # Errors
    ///
    /// [`TrainError::Write`].
    pub fn keep(&mut self, record: &EpochRecord, run: &Run) -> Result<(), TrainError> {
        let path = self.path.join(METRICS);
        let mut line = |record| -> io::Result<()> {
            let mut line = serde_json::to_vec(record)?;
            line.push(b'\n');
            self.metrics.write_all(&line)?;
            self.metrics.sync_data()
        };
        line(record).map_err(|reason| TrainError::Write { path, reason })?;
        self.records.push(record.clone());
        let checkpoint = run.checkpoint()?;
        // A process that is killed here does the epoch again, and this as well.
        if self.best(run) == Some(self.records.len() - 1) {
            checkpoint.save(&self.path.join(BEST))?;
        }
        checkpoint.save(&self.path.join(CHECKPOINT))
    }

    /// Position of the best epoch, if one is chosen.
    fn best(&self, run: &Run) -> Option<usize> {
        run.classifier().config().best?.of(&self.records)
    }

    /// The completed epochs that the folder knows of.
    #[must_use]
    pub fn records(&self) -> &[EpochRecord] {
        &self.records
    }

    /// Whether the run has waited long enough for a better epoch.
    #[must_use]
    pub fn is_over(&self, run: &Run) -> bool {
        run.classifier().config().best.is_some_and(|best| best.is_over(&self.records))
    }

    /// Draws the figures and writes the result of a run that has completed its epochs. [`fit`](super::fit) does this after the last.
    ///
    /// # Errors
    ///
    /// [`TrainError::MissingEpoch`] if no epoch was completed, [`TrainError::Evaluation`] if a
    /// figure's sample fails, [`TrainError::Write`].
    pub fn finish(&self, run: &Run) -> Result<RunResult, TrainError> {
        let path = self.path.join(METRICS);
        let Some(last) = self.records.last() else {
            return Err(TrainError::MissingEpoch { path, epoch: 1, completed: run.completed() });
        };
        let config = run.classifier().config();
        let result = RunResult {
            data: config.data.name().to_owned(),
            seed: config.seed,
            epochs: last.epoch,
            test_accuracy: last.test_accuracy,
            test_loss: last.test_loss,
            validation_accuracy: last.validation_accuracy,
            validation_loss: last.validation_loss,
            train_accuracy: last.train_accuracy,
            train_loss: last.train_loss,
            train_seconds: self.records.iter().map(|record| record.seconds).sum(),
            spikes_per_sample: last.spikes_per_sample,
            parameters: run.classifier().n_trained(),
            best: self.best(run).map(|best| BestEpoch::of(&self.records[best])),
            stopped_early: last.epoch < config.epochs,
            warnings: warning::of_records(&self.records),
        };
        figures::draw(&self.path, run, &self.records, &result)?;
        let path = self.path.join(RESULT);
        let mut bytes = serde_json::to_vec_pretty(&result)
            .map_err(|error| TrainError::Write { path: path.clone(), reason: error.into() })?;
        bytes.push(b'\n');
        write_beside(&path, &bytes)?;
        Ok(result)
    }

    /// Reads the run at `path` as its last checkpoint has it, which another process may be working on; `data` says where the data
    /// are, if not where they were.
    ///
    /// # Errors
    ///
    /// As [`stored`](Self::stored).
    pub fn trained(
        path: &Path,
        data: Option<&Path>,
        settings: Settings,
    ) -> Result<Run, TrainError> {
        Self::stored(path, Stored::Last, data, settings)
    }

    /// The same of the last or of the best epoch.
    ///
    /// # Errors
    ///
    /// [`TrainError::NoRun`] if there is no run, [`TrainError::NoBest`] if no best epoch is kept, [`TrainError::NoFiles`] if `data` is given
    /// for data that are generated, and as [`Checkpoint::load`] and [`Run::resume`].
    pub fn stored(
        path: &Path,
        which: Stored,
        data: Option<&Path>,
        settings: Settings,
    ) -> Result<Run, TrainError> {
        let checkpoint = Self::checkpoint(path, which)?;
        let mut config = Config::of_run(&checkpoint.config)?;
        if let Some(data) = data {
            *config.data.path_mut().ok_or(TrainError::NoFiles)? = Some(data.to_path_buf());
        }
        Run::resume(&config, &checkpoint, settings)
    }

    /// The network of the run at `path` with the parameters that are evaluated, after its last or its best epoch. Its data need not be there.
    ///
    /// # Errors
    ///
    /// As [`stored`](Self::stored), but for the data.
    pub fn classifier(path: &Path, which: Stored) -> Result<Classifier, TrainError> {
        Classifier::of_checkpoint(&Self::checkpoint(path, which)?)
    }

    fn checkpoint(path: &Path, which: Stored) -> Result<Checkpoint, TrainError> {
        if !Self::exists(path) {
            return Err(TrainError::NoRun { path: path.to_path_buf() });
        }
        let checkpoint = match which {
            Stored::Last => path.join(CHECKPOINT),
            Stored::Best => path.join(BEST),
        };
        if which == Stored::Best && !checkpoint.exists() {
            return Err(TrainError::NoBest { path: path.to_path_buf() });
        }
        Checkpoint::load(&checkpoint)
    }
}

fn is_temporary(entry: &fs::DirEntry) -> bool {
    entry.file_name().to_string_lossy().starts_with(TEMPORARY_PREFIX)
}

fn write_config(folder: &Path, config: &Config) -> Result<(), TrainError> {
    Ok(write_beside(&folder.join(CONFIG), config.to_json()?.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::fit;

    fn config() -> Config {
        let mut config = Config::default();
        for (key, value) in [("layers.0.size", "6"), ("batch_size", "500"), ("epochs", "1")] {
            config.set(key, value).unwrap();
        }
        config
    }

    /// A folder with a finished run of one epoch.
    fn trained() -> (tempfile::TempDir, PathBuf) {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("runs").join("first");
        let mut folder = RunFolder::create(&path, &config()).unwrap();
        let done =
            fit(&mut Run::new(&config(), Settings::default()).unwrap(), &mut folder, &mut ());
        assert!(done.unwrap().is_continue());
        (parent, path)
    }

    fn resume(path: &Path) -> Result<Run, TrainError> {
        RunFolder::open(path)?.resume(&config(), Settings::default())
    }

    #[test]
    fn a_finished_run_has_its_files_and_nothing_else() {
        let (_parent, path) = trained();
        let mut names: Vec<String> = fs::read_dir(&path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        let figures = ["activity", "confusion", "curves", "decision_map", "histories", "raster"];
        let mut expected: Vec<String> = [CONFIG, METRICS, CHECKPOINT, RESULT, "report.html"]
            .map(str::to_owned)
            .into_iter()
            .chain(figures.iter().flat_map(|name| [format!("{name}.png"), format!("{name}.svg")]))
            .collect();
        expected.sort_unstable();
        assert_eq!(names, expected);

        let result: RunResult =
            serde_json::from_slice(&fs::read(path.join(RESULT)).unwrap()).unwrap();
        assert_eq!((result.epochs, result.parameters), (1, 6 * 5 + 3 * 6));
        let run = RunFolder::trained(&path, None, Settings::default()).unwrap();
        let answers = run.answer_test().unwrap();
        let score = super::super::Score::of(&answers, run.test(), run.classifier());
        assert_eq!(score.accuracy.to_bits(), result.test_accuracy.to_bits());
        assert_eq!(score.loss.to_bits(), result.test_loss.to_bits());
    }

    #[test]
    fn a_run_is_not_overwritten() {
        let (parent, path) = trained();
        let create = |path: &Path| RunFolder::create(path, &config()).unwrap_err();
        assert!(matches!(create(&path), TrainError::Occupied { .. }));
        assert!(matches!(create(parent.path()), TrainError::NotEmpty { .. }));
        assert!(matches!(RunFolder::open(parent.path()), Err(TrainError::NoRun { .. })));
    }

    #[test]
    fn two_processes_do_not_work_on_one_run() {
        let (_parent, path) = trained();
        let open = RunFolder::open(&path).unwrap();
        assert!(matches!(RunFolder::open(&path), Err(TrainError::Busy { .. })));
        drop(open);
        RunFolder::open(&path).unwrap();
    }

    #[test]
    fn a_folder_that_another_process_is_about_to_fill_is_left_alone() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("run");
        fs::create_dir(&path).unwrap();
        let create = || RunFolder::create(&path, &config());
        // It has the lock, and has written nothing yet.
        let lock = File::create(path.join(METRICS)).unwrap();
        lock.lock().unwrap();
        assert!(matches!(create(), Err(TrainError::Busy { .. })));
        assert!(!path.join(CONFIG).exists());
        // It was killed: the file is there, and the lock is not.
        drop(lock);
        create().unwrap();
        fs::remove_file(path.join(CONFIG)).unwrap();
        fs::write(path.join(METRICS), "{}").unwrap();
        assert!(matches!(create(), Err(TrainError::NotEmpty { .. })));
        assert_eq!(fs::read_to_string(path.join(METRICS)).unwrap(), "{}");
    }

    #[test]
    fn what_a_killed_process_left_behind_is_cut_off() {
        let (_parent, path) = trained();
        let metrics = fs::read_to_string(path.join(METRICS)).unwrap();
        fs::write(path.join(METRICS), metrics.clone() + "{\"epoch\": 2, \"tra").unwrap();
        let temporary = path.join(format!("{TEMPORARY_PREFIX}abc"));
        fs::write(&temporary, "half a checkp").unwrap();
        assert_eq!(resume(&path).unwrap().completed(), 1);
        assert_eq!(fs::read_to_string(path.join(METRICS)).unwrap(), metrics);
        assert!(!temporary.exists());
    }

    #[test]
    fn a_run_killed_before_its_first_checkpoint_starts_again() {
        let (_parent, path) = trained();
        fs::remove_file(path.join(CHECKPOINT)).unwrap();
        assert_eq!(resume(&path).unwrap().completed(), 0);
        assert_eq!(fs::read_to_string(path.join(METRICS)).unwrap(), "");
    }

    #[test]
    fn damaged_files_are_refused_and_left_alone() {
        let (_parent, path) = trained();
        let damage = |name: &str, change: fn(&mut Vec<u8>)| {
            let original = fs::read(path.join(name)).unwrap();
            let mut damaged = original.clone();
            change(&mut damaged);
            fs::write(path.join(name), &damaged).unwrap();
            let error = resume(&path).unwrap_err();
            assert_eq!(fs::read(path.join(name)).unwrap(), damaged, "{name}");
            fs::write(path.join(name), original).unwrap();
            error
        };
        let flip = |bytes: &mut Vec<u8>| *bytes.last_mut().unwrap() ^= 1;
        assert!(matches!(damage(CHECKPOINT, flip), TrainError::DamagedCheckpoint { .. }));
        let halve = |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() / 2);
        assert!(matches!(damage(CHECKPOINT, halve), TrainError::UnreadableCheckpoint { .. }));
        assert!(matches!(damage(CONFIG, halve), TrainError::MalformedConfig { .. }));
        let error = damage(METRICS, halve);
        assert!(matches!(error, TrainError::MissingEpoch { epoch: 1, completed: 1, .. }));
        assert_eq!(resume(&path).unwrap().completed(), 1);
    }

    #[test]
    fn a_finished_run_takes_more_epochs_and_says_so_in_its_configuration() {
        let (_parent, path) = trained();
        let more = Config { epochs: 2, ..config() };
        let mut folder = RunFolder::open(&path).unwrap();
        let mut run = folder.resume(&more, Settings::default()).unwrap();
        assert!(fit(&mut run, &mut folder, &mut ()).unwrap().is_continue());
        assert_eq!(folder.config().unwrap(), more);

        let mut through = Run::new(&more, Settings::default()).unwrap();
        while through.completed() < 2 {
            assert!(through.epoch(&mut ()).unwrap().is_continue());
        }
        // The checkpoint of the first epoch knew of one epoch; that of the second knows of two.
        assert_eq!(run.checkpoint().unwrap(), through.checkpoint().unwrap());
        assert_eq!(fs::read_to_string(path.join(METRICS)).unwrap().lines().count(), 2);
    }
}
