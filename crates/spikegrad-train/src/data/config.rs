//! Which data a run is trained on, as a configuration says it.
//!
//! ```json
//! {"name": "mnist", "path": null, "validation": 5000, "limit": null}
//! ```
//!
//! Not here: how samples become input spikes (`encode/`).

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::yin_yang::YinYang;
use super::{DataSet, Inputs, Randman, Split, Splits, aer, heidelberg, idx, spike_file};
use crate::TrainError;
use crate::out_of_range::{OutOfRange, check};

/// The ten classes of Fashion-MNIST, in the order of their labels.
const FASHION: [&str; 10] = [
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
];

const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// A data set by its name.
///
/// Those that come from files are looked for in `path`, or in the folder `data/NAME` if that is
/// `null`. `validation` samples are cut off the front of the training set; of the rest, the first
/// `limit` are kept, or all if that is `null`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum DataConfig {
    /// Three classes in a disc, as published: 5000, 1000 and 1000 points (x, y, 1 − x, 1 − y).
    YinYang {
        /// Number of points to train on, if not those 5000: more of the same generator, which begins with them.
        points: Option<usize>,
    },
    /// Handwritten digits, 60,000 and 10,000 images of 28 × 28 pixels, in IDX files.
    Mnist {
        /// Folder of the four files.
        path: Option<PathBuf>,
        /// Number of samples for validation.
        #[serde(default)]
        validation: usize,
        /// Number of samples to train on.
        limit: Option<usize>,
    },
    /// Pieces of clothing, in the same form as the digits.
    FashionMnist {
        /// Folder of the four files.
        path: Option<PathBuf>,
        /// Number of samples for validation.
        #[serde(default)]
        validation: usize,
        /// Number of samples to train on.
        limit: Option<usize>,
    },
    /// Digits as a moving event camera sees them, on 2 × 34 × 34 channels.
    NMnist {
        /// Folder, or archive, of the recordings.
        path: Option<PathBuf>,
        /// Number of samples for validation.
        #[serde(default)]
        validation: usize,
        /// Number of samples to train on.
        limit: Option<usize>,
    },
    /// Spoken digits of two languages, as an artificial cochlea with 700 channels hears them, in HDF5 files; for programs that
    /// are built with the feature `hdf5`.
    Shd {
        /// Folder of the two files, or the training file.
        path: Option<PathBuf>,
        /// Number of samples for validation.
        #[serde(default)]
        validation: usize,
        /// Number of samples to train on.
        limit: Option<usize>,
    },
    /// 35 spoken words in the same form. They come with a validation set.
    Ssc {
        /// Folder of the three files, or the training file.
        path: Option<PathBuf>,
        /// Number of samples to train on.
        limit: Option<usize>,
    },
    /// Points on smooth random manifolds, one spike a unit.
    Randman(Randman),
    /// Spike trains of one's own, in safetensors files.
    SpikeTrains {
        /// Folder of the two files.
        path: Option<PathBuf>,
        /// Number of samples for validation.
        #[serde(default)]
        validation: usize,
        /// Number of samples to train on.
        limit: Option<usize>,
    },
}

impl DataConfig {
    /// Reads, or makes, the data.
    ///
    /// # Errors
    ///
    /// [`TrainError::MissingData`] if files are not there, [`TrainError::Read`] or
    /// [`TrainError::DataFile`] if one cannot be used, [`TrainError::WithoutHdf5`] in a build that cannot read them,
    /// [`TrainError::InvalidSetting`] if nothing is left to train on.
    pub fn load(&self) -> Result<Splits, TrainError> {
        match self {
            Self::YinYang { points } => Ok(Splits {
                train: yin_yang(match *points {
                    Some(points) => YinYang::to_train_on(points),
                    None => YinYang::split(Split::Train),
                })?,
                validation: yin_yang(YinYang::split(Split::Validation))?,
                test: yin_yang(YinYang::split(Split::Test))?,
            }),
            Self::Randman(randman) => randman.generate(),
            Self::Mnist { path, validation, limit } => {
                let folder = or_default(path.as_deref(), "data/mnist");
                cut(idx::load(folder, &DIGITS, "")?, *validation, *limit)
            }
            Self::FashionMnist { path, validation, limit } => {
                let folder = or_default(path.as_deref(), "data/fashion-mnist");
                let hint = "; Debian's package dataset-fashion-mnist has them in /usr/share/datasets/fashion-mnist";
                cut(idx::load(folder, &FASHION, hint)?, *validation, *limit)
            }
            Self::NMnist { path, validation, limit } => {
                let folder = or_default(path.as_deref(), "data/n-mnist");
                cut(aer::load(folder, wanted(*validation, *limit))?, *validation, *limit)
            }
            Self::Shd { path, validation, limit } => {
                let folder = or_default(path.as_deref(), "data/shd");
                let words = heidelberg::load_shd(folder, wanted(*validation, *limit))?;
                cut(words, *validation, *limit)
            }
            Self::Ssc { path, limit } => {
                let folder = or_default(path.as_deref(), "data/ssc");
                heidelberg::load_ssc(folder, limit.unwrap_or(usize::MAX))
            }
            Self::SpikeTrains { path, validation, limit } => {
                let folder = or_default(path.as_deref(), "data/spike-trains");
                cut(spike_file::load(folder)?, *validation, *limit)
            }
        }
    }

    /// Checks that there can be such data.
    ///
    /// # Errors
    ///
    /// The first number that is out of its range. How many samples can be kept for validation is known when they are there.
    pub fn validate(&self) -> Result<(), OutOfRange> {
        match self {
            Self::YinYang { points } => {
                check("points", 0, *points != Some(0), "at least 1, or null for those published")
            }
            Self::Randman(randman) => {
                randman.validate()?;
                check("test", 0, randman.test > 0, "at least 1")
            }
            Self::Mnist { limit, .. }
            | Self::FashionMnist { limit, .. }
            | Self::NMnist { limit, .. }
            | Self::Shd { limit, .. }
            | Self::Ssc { limit, .. }
            | Self::SpikeTrains { limit, .. } => {
                let rule = "at least 1, or null for all samples";
                check("limit", 0, *limit != Some(0), rule)
            }
        }
    }

    /// Returns its name in a configuration.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::YinYang { .. } => "yin-yang",
            Self::Mnist { .. } => "mnist",
            Self::FashionMnist { .. } => "fashion-mnist",
            Self::NMnist { .. } => "n-mnist",
            Self::Shd { .. } => "shd",
            Self::Ssc { .. } => "ssc",
            Self::Randman(_) => "randman",
            Self::SpikeTrains { .. } => "spike-trains",
        }
    }

    /// Returns the path of the files, to be replaced, for data that come from files.
    pub fn path_mut(&mut self) -> Option<&mut Option<PathBuf>> {
        match self {
            Self::Mnist { path, .. }
            | Self::FashionMnist { path, .. }
            | Self::NMnist { path, .. }
            | Self::Shd { path, .. }
            | Self::Ssc { path, .. }
            | Self::SpikeTrains { path, .. } => Some(path),
            Self::YinYang { .. } | Self::Randman(_) => None,
        }
    }
}

fn or_default<'a>(path: Option<&'a Path>, default: &'a str) -> &'a Path {
    path.unwrap_or(Path::new(default))
}

/// How many samples of the training set have to be read; recordings that are not wanted are not.
fn wanted(validation: usize, limit: Option<usize>) -> usize {
    limit.map_or(usize::MAX, |limit| limit.saturating_add(validation))
}

fn yin_yang(YinYang { points, labels }: YinYang) -> Result<DataSet, TrainError> {
    let inputs = Inputs::Points { width: 4, values: points.into_flattened() };
    let classes = ["yin", "yang", "dot"].map(str::to_owned).to_vec();
    Ok(DataSet::new(inputs, labels, classes)?)
}

/// Cuts the validation set off the front of the training set.
fn cut(
    (mut validation, test): (DataSet, DataSet),
    n: usize,
    limit: Option<usize>,
) -> Result<Splits, TrainError> {
    let rule = "less than the number of samples of the training set, from which it is cut";
    check("validation", n, n < validation.len(), rule).map_err(|broken| broken.below("data"))?;
    let mut train = validation.split_off(n);
    if let Some(limit) = limit {
        train.truncate(limit);
    }
    Ok(Splits { train, validation, test })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::InputRef;

    fn read(text: &str) -> Result<DataConfig, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn a_data_set_is_named_in_json() {
        let mnist = DataConfig::Mnist { path: Some("d".into()), validation: 5000, limit: Some(7) };
        let text = r#"{"name":"mnist","path":"d","validation":5000,"limit":7}"#;
        assert_eq!(serde_json::to_string(&mnist).unwrap(), text);
        assert_eq!(read(text).unwrap(), mnist);
        assert_eq!(read(r#"{"name": "yin-yang"}"#).unwrap(), DataConfig::YinYang { points: None });
        for name in ["fashion-mnist", "n-mnist", "shd", "spike-trains"] {
            let text = format!(r#"{{"name":"{name}","path":null,"validation":1,"limit":null}}"#);
            assert_eq!(serde_json::to_string(&read(&text).unwrap()).unwrap(), text);
        }
        let randman = DataConfig::Randman(Randman::default());
        let text = serde_json::to_string(&randman).unwrap();
        assert!(text.starts_with(r#"{"name":"randman","classes":10"#), "{text}");
        assert_eq!(read(&text).unwrap(), randman);
    }

    #[test]
    fn unknown_keys_and_names_are_refused() {
        let randman = serde_json::to_string(&DataConfig::Randman(Randman::default())).unwrap();
        for text in [
            r#"{"name": "cifar"}"#,
            r#"{"name": "yin-yang", "path": null}"#,
            r#"{"name": "mnist", "path": null, "validation": 0, "limit": null, "seed": 1}"#,
            r#"{"path": null, "validation": 0}"#,
            &randman.replace("\"classes\"", "\"class\""),
            &randman.replace('}', r#", "path": null}"#),
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_schema_knows_every_name() {
        let schema = serde_json::to_string(&schemars::schema_for!(DataConfig)).unwrap();
        for name in [
            "yin-yang",
            "mnist",
            "fashion-mnist",
            "n-mnist",
            "shd",
            "ssc",
            "randman",
            "spike-trains",
        ] {
            assert!(schema.contains(&format!(r#""const":"{name}""#)), "{name}: {schema}");
        }
    }

    #[test]
    fn yin_yang_is_the_published_data() {
        let Splits { train, validation, test } =
            DataConfig::YinYang { points: None }.load().unwrap();
        assert_eq!((train.len(), validation.len(), test.len()), (5000, 1000, 1000));
        assert_eq!(train.input(17), InputRef::Point(&YinYang::split(Split::Train).points[17]));
        assert_eq!(test.labels, YinYang::split(Split::Test).labels);
        assert_eq!(test.classes, ["yin", "yang", "dot"]);
    }

    #[test]
    fn missing_files_are_named_with_the_default_folder() {
        let message = |name: &str| {
            let text = format!(r#"{{"name":"{name}","path":null,"validation":1,"limit":null}}"#);
            read(&text).unwrap().load().unwrap_err().to_string()
        };
        for name in ["mnist", "fashion-mnist", "n-mnist", "spike-trains"] {
            let message = message(name);
            assert!(
                message.starts_with(&format!("no data in data/{name}: looked for ")),
                "{message}"
            );
            assert!(message.contains("`--data DIR`"), "{message}");
        }
        assert!(
            message("fashion-mnist").ends_with("has them in /usr/share/datasets/fashion-mnist")
        );
    }

    #[cfg(not(feature = "hdf5"))]
    #[test]
    fn a_build_without_hdf5_says_how_to_get_it() {
        for name in ["shd", "ssc"] {
            let config = read(&format!(r#"{{"name":"{name}","path":null,"limit":null}}"#)).unwrap();
            assert_eq!(
                config.load().unwrap_err().to_string(),
                format!(
                    "the data `{name}` are HDF5 files, which this program was built without; install the HDF5 library (on Debian `apt-get install libhdf5-dev`) and build it with `cargo build --release --features hdf5`"
                )
            );
        }
    }

    #[test]
    fn the_path_can_be_replaced_where_there_is_one() {
        let mut mnist = DataConfig::Mnist { path: None, validation: 0, limit: None };
        *mnist.path_mut().unwrap() = Some("nowhere".into());
        assert!(mnist.load().unwrap_err().to_string().starts_with("no data in nowhere: "));
        assert!(DataConfig::YinYang { points: None }.path_mut().is_none());
        assert!(DataConfig::Randman(Randman::default()).path_mut().is_none());
    }

    #[test]
    fn validation_is_cut_off_the_front_and_the_limit_off_the_rest() {
        let set = |n: u32| {
            let values = (0..n).map(f64::from).collect();
            let inputs = Inputs::Points { width: 1, values };
            let n = usize::try_from(n).unwrap();
            DataSet::new(inputs, vec![0; n], vec!["a".into()]).unwrap()
        };
        let splits = cut((set(10), set(3)), 4, Some(5)).unwrap();
        assert_eq!(splits.validation.input(0), InputRef::Point(&[0.0]));
        assert_eq!(splits.train.input(0), InputRef::Point(&[4.0]));
        assert_eq!((splits.train.len(), splits.validation.len(), splits.test.len()), (5, 4, 3));
        assert_eq!(cut((set(10), set(3)), 0, None).unwrap().train.len(), 10);

        assert_eq!(
            cut((set(10), set(3)), 10, None).unwrap_err().to_string(),
            "setting `data.validation` is 10, but must be less than the number of samples of the training set, from which it is cut"
        );
        let mnist = DataConfig::Mnist { path: None, validation: 0, limit: Some(0) };
        assert_eq!(mnist.validate().unwrap_err().key, "limit");
    }

    #[test]
    fn fashion_is_read_where_debian_puts_it() {
        let path = Path::new("/usr/share/datasets/fashion-mnist");
        if !path.exists() {
            #[expect(clippy::print_stderr, reason = "a skipped test says so")]
            {
                eprintln!("skipped: {} is not there (dataset-fashion-mnist)", path.display());
            }
            return;
        }
        let path = Some(path.to_path_buf());
        let fashion = DataConfig::FashionMnist { path, validation: 5000, limit: Some(100) };
        let Splits { train, validation, test } = fashion.load().unwrap();
        assert_eq!((train.len(), validation.len(), test.len()), (100, 5000, 10_000));
        assert_eq!(train.inputs.width(), 28 * 28);
        // The published files begin with an ankle boot and two shirts; the test set has a thousand of each class.
        let names = |set: &DataSet, k: usize| set.classes[set.labels[k]].clone();
        assert_eq!(names(&validation, 0), "ankle boot");
        assert_eq!([names(&validation, 1), names(&validation, 2)], ["T-shirt/top"; 2]);
        let mut counts = [0; 10];
        test.labels.iter().for_each(|&label| counts[label] += 1);
        assert_eq!(counts, [1000; 10]);
    }
}
