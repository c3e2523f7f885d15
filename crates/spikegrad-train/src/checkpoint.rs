//! A training run frozen between two epochs: one safetensors file.
//!
//! Numbers are stored as the 64 bits they are, so that a resumed run goes on with the same bits,
//! and Python reads them with `safetensors.numpy.load_file`. What is not a tensor (where the run
//! stood, its configuration) is one JSON object in the file's string metadata, under `spikegrad`;
//! one entry, because the format does not keep the order of several, and equal checkpoints are to
//! be equal files. A checksum in it covers everything, since a flipped bit in a weight would
//! otherwise load without a word.
//!
//! Not here: which tensors a run needs. Its loop names them, and asks for them by name and shape.

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::path::Path;

use fnv::FnvHasher;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

use crate::TrainError;
use spikegrad_report::write_beside;

/// The entry of the file's metadata that is ours.
const METADATA_KEY: &str = "spikegrad";

/// Version of the content of that entry.
const VERSION: u32 = 1;

/// A named block of numbers, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Extent of each dimension.
    pub shape: Vec<usize>,
    /// The numbers, the last dimension varying fastest.
    pub values: Vec<f64>,
}

/// Everything that a run needs to go on.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Number of completed epochs.
    pub epoch: u32,
    /// Number of completed optimiser steps.
    pub step: u64,
    /// Seed of the run.
    pub seed: u64,
    /// The run's configuration, as JSON.
    pub config: String,
    /// Weights and optimiser memory, by name.
    pub tensors: BTreeMap<String, Tensor>,
}

/// What stands under [`METADATA_KEY`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    version: u32,
    checksum: u64,
    epoch: u32,
    step: u64,
    seed: u64,
    config: String,
}

impl Checkpoint {
    /// Writes the checkpoint to `path`; an older one stays until the new one is safe on the disk.
    ///
    /// # Errors
    ///
    /// [`TrainError::UnfilledTensor`] if a tensor's values do not fill its shape,
    /// [`TrainError::Write`] if the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), TrainError> {
        Ok(write_beside(path, &self.to_bytes(path)?)?)
    }

    /// Reads a checkpoint back, bit for bit.
    ///
    /// # Errors
    ///
    /// [`TrainError::Read`] if there is no such file; [`TrainError::UnreadableCheckpoint`] if it is
    /// truncated or no safetensors file; [`TrainError::ForeignCheckpoint`] if another program
    /// wrote it; [`TrainError::TensorType`] if it holds other numbers than 64-bit floats;
    /// [`TrainError::DamagedCheckpoint`] if its content was changed.
    pub fn load(path: &Path) -> Result<Self, TrainError> {
        let bytes = std::fs::read(path)
            .map_err(|reason| TrainError::Read { path: path.to_path_buf(), reason })?;
        Self::from_bytes(&bytes, path)
    }

    /// Returns the values of the tensor `name`, which must have this shape.
    ///
    /// # Errors
    ///
    /// [`TrainError::MissingTensor`] or [`TrainError::TensorShape`].
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<&[f64], TrainError> {
        let Some(tensor) = self.tensors.get(name) else {
            return Err(TrainError::MissingTensor { tensor: name.to_owned() });
        };
        if tensor.shape != shape {
            return Err(TrainError::TensorShape {
                tensor: name.to_owned(),
                expected: shape.to_vec(),
                found: tensor.shape.clone(),
            });
        }
        Ok(&tensor.values)
    }

    pub(crate) fn to_bytes(&self, path: &Path) -> Result<Vec<u8>, TrainError> {
        let metadata = Metadata {
            version: VERSION,
            checksum: self.checksum(),
            epoch: self.epoch,
            step: self.step,
            seed: self.seed,
            config: self.config.clone(),
        };
        let unwritable =
            |reason: std::io::Error| TrainError::Write { path: path.to_path_buf(), reason };
        let metadata =
            serde_json::to_string(&metadata).map_err(|error| unwritable(error.into()))?;

        let blocks: Vec<(&String, &Tensor, Vec<u8>)> = self
            .tensors
            .iter()
            .map(|(name, tensor)| {
                let bytes = tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect();
                (name, tensor, bytes)
            })
            .collect();
        let views = blocks
            .iter()
            .map(|(name, tensor, bytes)| {
                let view =
                    TensorView::new(Dtype::F64, tensor.shape.clone(), bytes).map_err(|_| {
                        TrainError::UnfilledTensor {
                            tensor: (*name).clone(),
                            shape: tensor.shape.clone(),
                            values: tensor.values.len(),
                        }
                    })?;
                Ok((name, view))
            })
            .collect::<Result<Vec<_>, TrainError>>()?;
        let metadata = [(METADATA_KEY.to_owned(), metadata)].into();
        safetensors::serialize(views, Some(metadata))
            .map_err(|error| unwritable(std::io::Error::other(error)))
    }

    pub(crate) fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, TrainError> {
        let unreadable =
            |reason| TrainError::UnreadableCheckpoint { path: path.to_path_buf(), reason };
        let file = SafeTensors::deserialize(bytes).map_err(unreadable)?;
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(unreadable)?;
        let metadata = header
            .metadata()
            .as_ref()
            .and_then(|entries| entries.get(METADATA_KEY))
            .and_then(|text| serde_json::from_str::<Metadata>(text).ok())
            .filter(|metadata| metadata.version == VERSION)
            .ok_or_else(|| TrainError::ForeignCheckpoint { path: path.to_path_buf() })?;

        let mut tensors = BTreeMap::new();
        for (name, view) in file.tensors() {
            if view.dtype() != Dtype::F64 {
                return Err(TrainError::TensorType {
                    path: path.to_path_buf(),
                    tensor: name,
                    found: view.dtype(),
                });
            }
            let (words, _) = view.data().as_chunks();
            let values = words.iter().map(|&word| f64::from_le_bytes(word)).collect();
            tensors.insert(name, Tensor { shape: view.shape().to_vec(), values });
        }
        let Metadata { checksum, epoch, step, seed, config, .. } = metadata;
        let checkpoint = Self { epoch, step, seed, config, tensors };
        if checkpoint.checksum() != checksum {
            return Err(TrainError::DamagedCheckpoint { path: path.to_path_buf() });
        }
        Ok(checkpoint)
    }

    /// FNV-1a over everything: against damage, not against intent. Every single changed byte
    /// changes it.
    fn checksum(&self) -> u64 {
        let mut hasher = FnvHasher::default();
        let mut add = |bytes: &[u8]| hasher.write(bytes);
        add(&self.epoch.to_le_bytes());
        add(&self.step.to_le_bytes());
        add(&self.seed.to_le_bytes());
        add(self.config.as_bytes());
        for (name, tensor) in &self.tensors {
            add(name.as_bytes());
            tensor.shape.iter().for_each(|extent| add(&extent.to_le_bytes()));
            tensor.values.iter().for_each(|value| add(&value.to_le_bytes()));
        }
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Checkpoint {
        let awkward = [0.1, -0.0, f64::MIN_POSITIVE / 8.0, f64::MAX, f64::NEG_INFINITY, 1.0 / 3.0];
        let weights = Tensor { shape: vec![2, 3], values: awkward.to_vec() };
        let moment = Tensor { shape: vec![3], values: vec![1e-300, 2.5, -7.0] };
        Checkpoint {
            epoch: 3,
            step: 471,
            seed: u64::MAX,
            config: r#"{"task": "yin-yang"}"#.to_owned(),
            tensors: [("hidden".to_owned(), weights), ("hidden.m".to_owned(), moment)].into(),
        }
    }

    fn bytes() -> Vec<u8> {
        example().to_bytes(Path::new("test")).unwrap()
    }

    fn load(bytes: &[u8]) -> Result<Checkpoint, TrainError> {
        Checkpoint::from_bytes(bytes, Path::new("test"))
    }

    #[test]
    fn a_checkpoint_comes_back_bit_for_bit_and_equal_ones_are_equal_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.safetensors");
        example().save(&path).unwrap();
        let loaded = Checkpoint::load(&path).unwrap();
        assert_eq!(loaded, example());
        let bits = |checkpoint: &Checkpoint| -> Vec<u64> {
            checkpoint.tensors["hidden"].values.iter().map(|value| value.to_bits()).collect()
        };
        assert_eq!(bits(&loaded), bits(&example()), "−0 is not 0");
        assert_eq!(std::fs::read(&path).unwrap(), bytes());
    }

    #[test]
    fn a_truncated_file_is_refused_at_every_length() {
        let bytes = bytes();
        for length in 0..bytes.len() {
            assert!(load(&bytes[..length]).is_err(), "{length} of {} bytes", bytes.len());
        }
    }

    #[test]
    fn a_flipped_bit_is_refused_or_without_effect() {
        let original = bytes();
        for position in 0..original.len() {
            for bit in 0..8 {
                let mut damaged = original.clone();
                damaged[position] ^= 1 << bit;
                if let Ok(loaded) = load(&damaged) {
                    assert_eq!(loaded, example(), "bit {bit} of byte {position}");
                }
            }
        }
    }

    #[test]
    fn a_changed_weight_is_damage() {
        let mut damaged = bytes();
        *damaged.last_mut().unwrap() ^= 1;
        assert!(matches!(load(&damaged), Err(TrainError::DamagedCheckpoint { .. })));
    }

    #[test]
    fn other_files_are_named_as_what_they_are() {
        assert!(matches!(load(b"epoch 3"), Err(TrainError::UnreadableCheckpoint { .. })));
        let values = [0_u8; 8];
        let view = TensorView::new(Dtype::F32, vec![2], &values).unwrap();
        let foreign = safetensors::serialize([("w", view.clone())], None).unwrap();
        assert!(matches!(load(&foreign), Err(TrainError::ForeignCheckpoint { .. })));

        let header = SafeTensors::read_metadata(&bytes()).unwrap().1;
        let single = safetensors::serialize([("w", view)], header.metadata().clone()).unwrap();
        let message = load(&single).unwrap_err().to_string();
        assert_eq!(message, "tensor `w` of test holds F32 values, but must hold F64");
    }

    #[test]
    fn a_tensor_is_asked_for_by_name_and_shape() {
        let checkpoint = example();
        assert_eq!(checkpoint.tensor("hidden.m", &[3]).unwrap()[1].to_bits(), 2.5_f64.to_bits());
        assert!(matches!(
            checkpoint.tensor("output", &[3]),
            Err(TrainError::MissingTensor { tensor }) if tensor == "output"
        ));
        assert!(matches!(
            checkpoint.tensor("hidden", &[3, 2]),
            Err(TrainError::TensorShape { found, .. }) if found == [2, 3]
        ));
    }

    #[test]
    fn a_tensor_that_does_not_fill_its_shape_is_not_saved() {
        let mut checkpoint = example();
        checkpoint.tensors.insert("bad".to_owned(), Tensor { shape: vec![2], values: vec![0.0] });
        let message = checkpoint.to_bytes(Path::new("test")).unwrap_err().to_string();
        assert_eq!(message, "tensor `bad` has 1 values, which do not fill the shape [2]");
    }
}
