//! Training runs, an epoch at a time: what is between two epochs is Python's.
//!
//! An epoch that is interrupted leaves the run as it was. Not here: the loop over epochs, and who watches it (`python/spikegrad/_trainer.py`).

use crate::compute::together;
use crate::data::DataSet;
use crate::errors::Failure;
use numpy::PyArray1;
use pyo3::prelude::*;
use spikegrad::problem::Problem;
use spikegrad::{Settings, Stimulus};
use spikegrad_train::{Config, EpochRecord, Run, RunFolder, Splits, TrainError};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A run, and its folder if it has one.
#[pyclass(frozen, module = "spikegrad._core")]
pub(crate) struct Training(Mutex<State>);

struct State {
    run: Run,
    folder: Option<RunFolder>,
    records: Vec<EpochRecord>,
}

fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn changed(config: &Config, changes: &[(String, String)]) -> Result<Config, TrainError> {
    let (config, _) = config.with(changes)?;
    config.validate()?;
    Ok(config)
}

impl Training {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Training {
    /// A new run: the name of a built-in configuration or one as JSON, settings that differ, the folder to keep it in, and data in place of the configuration's.
    #[new]
    #[pyo3(signature = (config, changes, out=None, data=None))]
    fn new(
        py: Python<'_>,
        config: &str,
        changes: Vec<(String, String)>,
        out: Option<PathBuf>,
        data: Option<(Py<DataSet>, Py<DataSet>, Py<DataSet>)>,
    ) -> PyResult<Self> {
        let of = |set: &Py<DataSet>| set.get().0.clone();
        let data = data.as_ref().map(|(train, validation, test)| Splits {
            train: of(train),
            validation: of(validation),
            test: of(test),
        });
        let made = py.detach(|| {
            let base = match Config::built_in(config) {
                Some(config) => config,
                None => Config::from_json(config)?,
            };
            let config = changed(&base, &changes)?;
            let run = match data {
                Some(data) => Run::with_data(&config, data, Settings::default())?,
                None => Run::new(&config, Settings::default())?,
            };
            let folder = out.map(|out| RunFolder::create(&out, &config)).transpose()?;
            if let Some(folder) = &folder {
                folder.begin(&run)?;
            }
            Ok(Self(Mutex::new(State { run, folder, records: Vec::new() })))
        });
        Ok(made.map_err(|error: TrainError| Failure::from(error))?)
    }

    /// The run in a folder, to go on with it.
    #[staticmethod]
    fn resume(py: Python<'_>, out: PathBuf, changes: Vec<(String, String)>) -> PyResult<Self> {
        let opened = py.detach(|| {
            let mut folder = RunFolder::open(&out)?;
            let config = changed(&folder.config()?, &changes)?;
            let run = folder.resume(&config, Settings::default())?;
            let records = folder.records().to_vec();
            Ok(Self(Mutex::new(State { run, folder: Some(folder), records })))
        });
        Ok(opened.map_err(|error: TrainError| Failure::from(error))?)
    }

    /// Names of the built-in configurations.
    #[staticmethod]
    fn built_in() -> Vec<&'static str> {
        Config::built_in_names().collect()
    }

    /// The configuration, as JSON.
    fn config(&self) -> PyResult<String> {
        Ok(self.state().run.classifier().config().to_json().map_err(Failure::from)?)
    }

    /// Number of completed epochs.
    fn completed(&self) -> u32 {
        self.state().run.completed()
    }

    /// Whether there is nothing more to train.
    fn is_over(&self) -> bool {
        let State { run, folder, .. } = &*self.state();
        let all = run.completed() >= run.classifier().config().epochs;
        all || folder.as_ref().is_some_and(|folder| folder.is_over(run))
    }

    /// The records of the completed epochs, as JSON.
    fn history(&self) -> String {
        json(&self.state().records)
    }

    /// Trains for an epoch, and returns its record, as JSON. On Ctrl-C the run is as it was before.
    fn epoch(&self, py: Python<'_>) -> PyResult<String> {
        let work = || {
            let State { run, folder, records } = &mut *self.state();
            let ControlFlow::Continue(record) = run.epoch(&mut ())? else {
                return Ok(String::new());
            };
            if let Some(folder) = folder {
                folder.keep(&record, run)?;
            }
            let text = json(&record);
            records.push(record);
            Ok(text)
        };
        let done = together(py, work)?;
        Ok(done.map_err(|error: TrainError| Failure::from(error))?)
    }

    /// Draws the figures of a run with a folder, and returns its result, as JSON; nothing without a folder.
    fn finish(&self, py: Python<'_>) -> PyResult<Option<String>> {
        let work = || {
            let State { run, folder, .. } = &*self.state();
            folder.as_ref().map(|folder| folder.finish(run)).transpose()
        };
        let result = together(py, work)?.map_err(Failure::from)?;
        Ok(result.as_ref().map(json))
    }

    /// Loss of each test sample, and the class that it is taken for; −1 where the outputs are silent or tied.
    #[expect(clippy::type_complexity, reason = "two arrays")]
    fn evaluate<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<i64>>)> {
        let work = || self.state().run.answer_test();
        let answers = together(py, work)?.map_err(Failure::from)?;
        let class = |class: Option<usize>| class.and_then(|k| i64::try_from(k).ok()).unwrap_or(-1);
        let classes = answers.iter().map(|(_, verdict)| class(verdict.class)).collect();
        let losses = answers.iter().map(|(loss, _)| *loss).collect();
        Ok((PyArray1::from_vec(py, losses), PyArray1::from_vec(py, classes)))
    }

    /// The test data.
    fn test(&self) -> DataSet {
        DataSet(self.state().run.test().clone())
    }

    /// The network as trained so far, as a problem without input, in JSON.
    fn network(&self, py: Python<'_>) -> PyResult<String> {
        let text = py.detach(|| {
            let state = self.state();
            let classifier = state.run.evaluated();
            let nothing = Stimulus::default();
            let stated =
                Problem::from_parts(classifier.network(), classifier.parameters(), &nothing, None)?;
            Ok::<_, Failure>(json(&stated.document))
        });
        Ok(text?)
    }
}
