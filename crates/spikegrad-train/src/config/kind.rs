//! How a layer is reached by the one before: by everyone, or through windows over images.
//!
//! A layer that sees windows is a stack of images itself, so that the next one needs no shape. Names are those of `PyTorch`, and so are the defaults that it has. Not here: which
//! synapses that makes (`spikegrad::Conv2d`, `spikegrad::AvgPool2d`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spikegrad::network::{ImageShape, SharedSynapse};
use spikegrad::{AvgPool2d, Conv2d, NetworkError};

use super::Config;
use crate::out_of_range::{OutOfRange, check, count};

/// How a layer is reached by the one before, by its `name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "name", deny_unknown_fields)]
pub enum LayerKind {
    /// Every neuron by all.
    #[serde(rename = "dense")]
    Dense {},
    /// By a convolution of images.
    #[serde(rename = "conv2d")]
    Conv2d {
        /// Channels of the layer.
        #[serde(default = "eight")]
        out_channels: usize,
        /// Height and width of a kernel.
        #[serde(default = "three")]
        kernel_size: usize,
        /// Pixels from one window to the next.
        #[serde(default = "one")]
        stride: usize,
        /// Pixels beyond each edge that windows may reach; nothing is there.
        #[serde(default)]
        padding: usize,
        /// Channels, height and width of what it sees; `null` if the layer before is one of images.
        #[serde(default)]
        input_shape: Option<ImageShape>,
    },
    /// By averages over windows, channel by channel. All synapses share one weight, which is trained only with a rate in the layer's own `learning_rates`.
    #[serde(rename = "avg_pool2d")]
    AvgPool2d {
        /// Height and width of a window.
        #[serde(default = "two")]
        kernel_size: usize,
        /// Pixels from one window to the next; `null` for windows side by side.
        #[serde(default)]
        stride: Option<usize>,
        /// Pixels beyond each edge that windows may reach; they count as silent.
        #[serde(default)]
        padding: usize,
        /// Channels, height and width of what it sees; `null` if the layer before is one of images.
        #[serde(default)]
        input_shape: Option<ImageShape>,
    },
}

impl Default for LayerKind {
    fn default() -> Self {
        Self::Dense {}
    }
}

fn one() -> usize {
    1
}

fn two() -> usize {
    2
}

fn three() -> usize {
    3
}

fn eight() -> usize {
    8
}

impl LayerKind {
    fn validate(self) -> Result<(), OutOfRange> {
        let (out_channels, kernel_size, stride) = match self {
            Self::Dense {} => return Ok(()),
            Self::Conv2d { out_channels, kernel_size, stride, .. } => {
                (out_channels, kernel_size, Some(stride))
            }
            Self::AvgPool2d { kernel_size, stride, .. } => (1, kernel_size, stride),
        };
        count("out_channels", out_channels)?;
        count("kernel_size", kernel_size)?;
        stride.map_or(Ok(()), |stride| count("stride", stride))?;
        let extents = self.input_shape().into_iter().flatten();
        extents.into_iter().try_for_each(|extent| count("input_shape", extent))
    }

    fn input_shape(self) -> Option<ImageShape> {
        match self {
            Self::Dense {} => None,
            Self::Conv2d { input_shape, .. } | Self::AvgPool2d { input_shape, .. } => input_shape,
        }
    }

    /// The windows over images of this shape, unless it is dense.
    fn over(self, input_shape: ImageShape) -> Option<Windows> {
        match self {
            Self::Dense {} => None,
            Self::Conv2d { out_channels, kernel_size, stride, padding, .. } => {
                let conv = Conv2d { input_shape, out_channels, kernel_size, stride, padding };
                Some(Windows::Conv2d(conv))
            }
            Self::AvgPool2d { kernel_size, stride, padding, .. } => {
                let stride = stride.unwrap_or(kernel_size);
                Some(Windows::AvgPool2d(AvgPool2d { input_shape, kernel_size, stride, padding }))
            }
        }
    }
}

/// The windows of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Windows {
    Conv2d(Conv2d),
    AvgPool2d(AvgPool2d),
}

impl Windows {
    /// Shape of what they see.
    pub(crate) fn input_shape(self) -> ImageShape {
        match self {
            Self::Conv2d(Conv2d { input_shape, .. })
            | Self::AvgPool2d(AvgPool2d { input_shape, .. }) => input_shape,
        }
    }

    /// Shape of the layer.
    pub(crate) fn output_shape(self) -> Result<ImageShape, NetworkError> {
        match self {
            Self::Conv2d(conv) => conv.output_shape(),
            Self::AvgPool2d(pool) => pool.output_shape(),
        }
    }

    pub(crate) fn synapse_count(self) -> Result<u64, NetworkError> {
        match self {
            Self::Conv2d(conv) => conv.synapse_count(),
            Self::AvgPool2d(pool) => pool.synapse_count(),
        }
    }

    pub(crate) fn synapses(self) -> Result<Vec<SharedSynapse>, NetworkError> {
        match self {
            Self::Conv2d(conv) => conv.synapses(),
            Self::AvgPool2d(pool) => pool.synapses(),
        }
    }

    /// Shape of the weights.
    pub(crate) fn kernels(self) -> Vec<usize> {
        match self {
            Self::Conv2d(conv) => conv.weight_shape().to_vec(),
            Self::AvgPool2d(_) => vec![1],
        }
    }

    /// The weight of one synapse where a window has this one.
    pub(crate) fn share(self, of_window: f64) -> f64 {
        match self {
            Self::Conv2d(_) => of_window,
            Self::AvgPool2d(pool) => pool.weight(of_window),
        }
    }
}

impl Config {
    /// The windows of layer `k`, if it sees images whose shape is known.
    pub(crate) fn windows(&self, k: usize) -> Option<Windows> {
        let kind = self.layers[k].kind;
        let before = || self.windows(k.checked_sub(1)?)?.output_shape().ok();
        kind.over(kind.input_shape().or_else(before)?)
    }

    /// Checks the windows of layer `k`: those of the layers before have been.
    pub(super) fn check_windows(&self, k: usize) -> Result<(), OutOfRange> {
        let kind = self.layers[k].kind;
        kind.validate().map_err(|broken| broken.below("kind"))?;
        if kind == (LayerKind::Dense {}) {
            return Ok(());
        }
        let rule = "[channels, height, width], where the layer before is not one of images";
        let Some(windows) = self.windows(k) else {
            return check("kind.input_shape", "null", false, rule);
        };
        let shape = windows.input_shape();
        if let Some(before) = k.checked_sub(1).and_then(|k| self.windows(k)?.output_shape().ok()) {
            let found = format!("{shape:?} after {before:?}");
            let rule = "that of the layer before, or null";
            check("kind.input_shape", found, shape == before, rule)?;
        }
        let size = match windows.output_shape().and_then(|output| {
            windows.synapse_count()?;
            Ok(output)
        }) {
            Ok(output) => output.into_iter().product::<usize>(),
            Err(NetworkError::Window { size, padded }) => {
                let found = format!("{size} over {padded} pixels");
                let rule = "no more than the height and the width that it sees, with the padding";
                return check("kind.kernel_size", found, false, rule);
            }
            Err(_) => {
                let rule = "one with at most 1000000 neurons and 4294967295 synapses";
                return check("kind", format!("a larger one over {shape:?}"), false, rule);
            }
        };
        let found = self.layers[k].size.unwrap_or(size);
        let rule = "the number of its windows, or null";
        check("size", format!("{found} beside {size} windows"), found == size, rule)
    }
}
