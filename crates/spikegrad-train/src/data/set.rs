//! Samples with labels or targets, whatever they are made of: points, grey images or spike trains.
//!
//! A data set is a few long vectors, not a vector of samples: 60,000 images are one block of bytes,
//! and [`DataSet::input`] lends a piece of it.
//!
//! Not here: files (`idx.rs`, `aer.rs`, `heidelberg.rs`, `spike_file.rs`), and how a sample becomes input spikes
//! (`encode/`).

use super::DataProblem;
use spikegrad::network::SpikeTrains;

/// Samples, with what is wanted of each: a class, spike trains, or both.
#[derive(Clone, Debug, PartialEq)]
pub struct DataSet {
    /// The samples.
    pub inputs: Inputs,
    /// The class of each sample, an index into `classes`; none at all, if there are targets.
    pub labels: Vec<usize>,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// For each sample the spike trains that the outputs are to have, a channel for each output.
    pub targets: Option<SpikeTrains>,
}

/// The samples of a data set, one after another.
#[derive(Clone, Debug, PartialEq)]
pub enum Inputs {
    /// Values in [0, 1].
    Points {
        /// Number of values of a sample.
        width: usize,
        /// The values of all samples.
        values: Vec<f64>,
    },
    /// Grey images, one byte a pixel: 0 is black, 255 white.
    Images {
        /// Height of an image, in pixels.
        rows: usize,
        /// Width of an image, in pixels.
        columns: usize,
        /// The pixels of all images, each row by row from the top.
        pixels: Vec<u8>,
    },
    /// Spike trains.
    Trains(SpikeTrains),
}

/// The three parts of a data set.
#[derive(Clone, Debug, PartialEq)]
pub struct Splits {
    /// What weights are fitted to.
    pub train: DataSet,
    /// What settings are chosen by; may be empty.
    pub validation: DataSet,
    /// What is reported.
    pub test: DataSet,
}

/// The name of one of the three parts of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// What weights are fitted to.
    Train,
    /// What settings are chosen by.
    Validation,
    /// What is reported.
    Test,
}

impl Split {
    /// Its name, as it stands before `set` or `sample`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "training",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

impl Splits {
    /// The part of this name.
    #[must_use]
    pub fn get(&self, split: Split) -> &DataSet {
        match split {
            Split::Train => &self.train,
            Split::Validation => &self.validation,
            Split::Test => &self.test,
        }
    }
}

/// One sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum InputRef<'a> {
    /// Values in [0, 1].
    Point(&'a [f64]),
    /// A grey image.
    Image {
        /// Height, in pixels.
        rows: usize,
        /// Width, in pixels.
        columns: usize,
        /// The pixels, row by row from the top.
        pixels: &'a [u8],
    },
    /// Spikes on channels.
    Train {
        /// Time of each spike in s, not falling.
        times: &'a [f64],
        /// Channel of each spike.
        channel: &'a [u32],
        /// Number of channels.
        channels: usize,
    },
}

impl DataSet {
    /// Brings samples and labels together, if they [agree](Self::check).
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn new(
        inputs: Inputs,
        labels: Vec<usize>,
        classes: Vec<String>,
    ) -> Result<Self, DataProblem> {
        let set = Self { inputs, labels, classes, targets: None };
        set.check()?;
        Ok(set)
    }

    /// Brings samples and target spike trains together, if they [agree](Self::check).
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn with_targets(inputs: Inputs, targets: SpikeTrains) -> Result<Self, DataProblem> {
        let (labels, classes) = (Vec::new(), Vec::new());
        let set = Self { inputs, labels, classes, targets: Some(targets) };
        set.check()?;
        Ok(set)
    }

    /// Checks that every sample has a label or a target, every label a class, and that the samples are whole.
    ///
    /// # Errors
    ///
    /// [`DataProblem::SampleWidth`], [`DataProblem::LabelCount`], [`DataProblem::TargetCount`] or [`DataProblem::Label`]; for
    /// spike trains also what [`SpikeTrains::check`] says.
    pub fn check(&self) -> Result<(), DataProblem> {
        match &self.inputs {
            Inputs::Points { width, values } => whole(values.len(), *width)?,
            Inputs::Images { rows, columns, pixels } => {
                whole(pixels.len(), rows.saturating_mul(*columns))?;
            }
            Inputs::Trains(trains) => trains.check()?,
        }
        let (samples, labels) = (self.inputs.len(), self.labels.len());
        if let Some(targets) = &self.targets {
            targets.check().map_err(|problem| DataProblem::Targets { problem })?;
            if targets.len() != samples {
                return Err(DataProblem::TargetCount { samples, targets: targets.len() });
            }
        }
        if samples != labels && (self.targets.is_none() || labels > 0) {
            return Err(DataProblem::LabelCount { samples, labels });
        }
        let classes = self.classes.len();
        match self.labels.iter().position(|&label| label >= classes) {
            Some(sample) => Err(DataProblem::Label { sample, label: self.labels[sample], classes }),
            None => Ok(()),
        }
    }

    /// Returns the number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inputs.len()
    }

    /// Returns whether there is no sample.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inputs.is_empty()
    }

    /// Returns the target times of sample `k` in s, a list for each output; none, if the data have no targets.
    ///
    /// # Panics
    ///
    /// As [`input`](Self::input).
    #[must_use]
    pub fn target(&self, k: usize) -> Option<Vec<Vec<f64>>> {
        let SpikeTrains { channels, offsets, times, channel } = self.targets.as_ref()?;
        let mut trains = vec![Vec::new(); *channels];
        for spike in offsets[k]..offsets[k + 1] {
            let output = usize::try_from(channel[spike]).expect("a checked channel");
            trains[output].push(times[spike]);
        }
        Some(trains)
    }

    /// Returns sample `k`.
    ///
    /// # Panics
    ///
    /// If there is no such sample, or the data do not pass [`check`](Self::check).
    #[must_use]
    pub fn input(&self, k: usize) -> InputRef<'_> {
        match &self.inputs {
            Inputs::Points { width, values } => {
                InputRef::Point(&values[k * width..(k + 1) * width])
            }
            Inputs::Images { rows, columns, pixels } => {
                let size = rows * columns;
                let pixels = &pixels[k * size..(k + 1) * size];
                InputRef::Image { rows: *rows, columns: *columns, pixels }
            }
            Inputs::Trains(SpikeTrains { channels, offsets, times, channel }) => {
                let spikes = offsets[k]..offsets[k + 1];
                InputRef::Train {
                    times: &times[spikes.clone()],
                    channel: &channel[spikes],
                    channels: *channels,
                }
            }
        }
    }

    /// Keeps the first `n` samples and returns the others; all are kept if there are no more.
    #[must_use]
    pub fn split_off(&mut self, n: usize) -> Self {
        let n = n.min(self.len());
        Self {
            inputs: self.inputs.split_off(n),
            labels: self.labels.split_off(n.min(self.labels.len())),
            classes: self.classes.clone(),
            targets: self.targets.as_mut().map(|targets| targets.split_off(n)),
        }
    }

    /// Keeps the first `n` samples.
    pub fn truncate(&mut self, n: usize) {
        drop(self.split_off(n));
    }
}

impl Inputs {
    /// Returns the number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Points { width, values } => values.len().checked_div(*width).unwrap_or(0),
            Self::Images { rows, columns, pixels } => {
                pixels.len().checked_div(rows * columns).unwrap_or(0)
            }
            Self::Trains(trains) => trains.len(),
        }
    }

    /// Returns whether there is no sample.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of values, pixels or channels of a sample.
    #[must_use]
    pub fn width(&self) -> usize {
        match self {
            Self::Points { width, .. } => *width,
            Self::Images { rows, columns, .. } => rows * columns,
            Self::Trains(trains) => trains.channels,
        }
    }

    fn split_off(&mut self, n: usize) -> Self {
        let width = self.width();
        match self {
            Self::Points { width, values } => {
                Self::Points { width: *width, values: values.split_off(n * *width) }
            }
            Self::Images { rows, columns, pixels } => {
                let rest = pixels.split_off(n * width);
                Self::Images { rows: *rows, columns: *columns, pixels: rest }
            }
            Self::Trains(trains) => Self::Trains(trains.split_off(n)),
        }
    }
}

/// Checks that `found` numbers are samples of `width` and no rest.
fn whole(found: usize, width: usize) -> Result<(), DataProblem> {
    match found.checked_rem(width) {
        Some(0) => Ok(()),
        _ => Err(DataProblem::SampleWidth { found, width }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(n: usize) -> Vec<String> {
        (0..n).map(|class| class.to_string()).collect()
    }

    fn trains() -> SpikeTrains {
        let mut trains = SpikeTrains::new(4);
        trains.push(&mut [(0.5, 3), (0.25, 1)]);
        trains.push(&mut []);
        trains.push(&mut [(0.0, 0)]);
        trains
    }

    fn points() -> DataSet {
        let inputs = Inputs::Points { width: 2, values: vec![0.0, 0.25, 0.5, 0.75, 1.0, 0.125] };
        DataSet::new(inputs, vec![0, 1, 0], names(2)).unwrap()
    }

    #[test]
    fn samples_of_each_kind_are_lent_one_by_one() {
        assert_eq!(points().input(1), InputRef::Point(&[0.5, 0.75]));

        let images = Inputs::Images { rows: 1, columns: 3, pixels: vec![1, 2, 3, 4, 5, 6] };
        let images = DataSet::new(images, vec![0, 0], names(1)).unwrap();
        assert_eq!(images.input(1), InputRef::Image { rows: 1, columns: 3, pixels: &[4, 5, 6] });
        assert_eq!(images.inputs.width(), 3);

        let trains = DataSet::new(Inputs::Trains(trains()), vec![0; 3], names(1)).unwrap();
        let first = InputRef::Train { times: &[0.25, 0.5], channel: &[1, 3], channels: 4 };
        assert_eq!(trains.input(0), first, "sorted by time");
        assert_eq!(trains.input(1), InputRef::Train { times: &[], channel: &[], channels: 4 });
    }

    #[test]
    fn a_set_that_is_cut_has_all_samples_in_its_two_parts() {
        let mut front = points();
        let back = front.split_off(1);
        assert_eq!((front.len(), back.len()), (1, 2));
        front.check().unwrap();
        back.check().unwrap();
        assert_eq!(front.input(0), points().input(0));
        assert_eq!(back.input(1), points().input(2));
        assert_eq!(back.labels, [1, 0]);
        assert!(front.split_off(7).is_empty(), "there are no more");

        let mut front = DataSet::new(Inputs::Trains(trains()), vec![0, 1, 2], names(3)).unwrap();
        let back = front.split_off(1);
        front.check().unwrap();
        back.check().unwrap();
        assert_eq!(back.input(1), InputRef::Train { times: &[0.0], channel: &[0], channels: 4 });
        front.truncate(0);
        front.check().unwrap();
        assert!(front.is_empty());
    }

    #[test]
    fn targets_stay_with_their_samples() {
        let inputs = || Inputs::Points { width: 1, values: vec![0.0, 0.5, 1.0] };
        let mut set = DataSet::with_targets(inputs(), trains()).unwrap();
        assert_eq!(set.target(0), Some(vec![vec![], vec![0.25], vec![], vec![0.5]]));
        let back = set.split_off(2);
        back.check().unwrap();
        set.check().unwrap();
        assert_eq!((set.len(), back.len()), (2, 1));
        assert_eq!(back.target(0), Some(vec![vec![0.0], vec![], vec![], vec![]]));
        assert_eq!(points().target(0), None);

        let refused = |set: &DataSet| set.check().unwrap_err().to_string();
        let fewer = DataSet { targets: Some(set.targets.clone().unwrap()), ..points() };
        assert_eq!(
            refused(&fewer),
            "there are targets for 2 samples, but 3 samples; each needs some"
        );
        let labelled = DataSet { labels: vec![0], classes: names(1), ..set.clone() };
        assert_eq!(refused(&labelled), "there are 1 labels for 2 samples; each sample needs one");
        let mut broken = set;
        broken.targets.as_mut().unwrap().channel[0] = 4;
        assert_eq!(
            refused(&broken),
            "of the targets, the channel of spike 0 is 4, but must be below 4, the number of channels"
        );
    }

    #[track_caller]
    fn check_refused(set: &DataSet, message: &str) {
        assert_eq!(set.check().unwrap_err().to_string(), message);
    }

    #[test]
    fn labels_that_do_not_fit_the_samples_are_refused() {
        let set = DataSet { labels: vec![0, 1], ..points() };
        check_refused(&set, "there are 2 labels for 3 samples; each sample needs one");
        let set = DataSet { labels: vec![0, 2, 0], ..points() };
        check_refused(
            &set,
            "the label of sample 1 is 2, but must be below 2, the number of classes",
        );
        let inputs = Inputs::Points { width: 2, values: vec![0.0; 5] };
        let set = DataSet { inputs, ..points() };
        check_refused(&set, "5 numbers cannot be cut into samples of 2");
        let inputs = Inputs::Images { rows: 0, columns: 2, pixels: vec![] };
        let set = DataSet { inputs, ..points() };
        check_refused(&set, "0 numbers cannot be cut into samples of 0");
    }
}
