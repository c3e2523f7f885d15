//! Synapses between stacks of images: convolutions and averages over windows, as lists that share weights.
//!
//! A stack of images is `[channels, height, width]`, and its pixels are neurons in that order: channel by channel, each row by row from the top. So a
//! stack that is read by a dense connection is flat already. Shapes, and the order of the weights, are those of `PyTorch`'s `Conv2d` and `AvgPool2d`; the
//! kernel is not turned round.
//!
//! Not here: what a shared weight is (`network.rs`), the populations (`builder.rs`).

use crate::{MAX_NEURONS, MAX_SYNAPSES, NetworkError};

/// Channels, height and width of a stack of images.
pub type ImageShape = [usize; 3];

/// A synapse that shares its weight: index within the source, index within the target, index of the weight.
pub type SharedSynapse = (usize, usize, u32);

/// A convolution of images: each output channel has a kernel for each input channel, at every place the same.
///
/// # Examples
/// ```
/// use spikegrad_network::{Conv2d, Network};
/// let conv = Conv2d { input_shape: [1, 4, 4], out_channels: 2, kernel_size: 3, stride: 1, padding: 0 };
/// assert_eq!(conv.output_shape()?, [2, 2, 2]);
/// let kernels = vec![1.0; conv.weight_count()];
/// let (network, parameters) = Network::builder()
///     .inputs(16)
///     .lif("features", 8)
///     .shared("input", "features", conv.synapses()?, kernels)
///     .build()?;
/// assert_eq!(network.synapse_count(0), 8 * 9);
/// assert_eq!(parameters.connections[0].weights.len(), 2 * 9);
/// # Ok::<(), spikegrad_network::NetworkError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2d {
    /// Shape of the source.
    pub input_shape: ImageShape,
    /// Channels of the target.
    pub out_channels: usize,
    /// Height and width of a kernel.
    pub kernel_size: usize,
    /// Pixels from one window to the next.
    pub stride: usize,
    /// Pixels beyond each edge that windows may reach; nothing is there.
    pub padding: usize,
}

/// An average over windows, channel by channel: all synapses share one weight, 1/`kernel_size`² of what a window full of spikes adds.
///
/// As by default in `PyTorch`, pixels beyond the edge count as silent ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AvgPool2d {
    /// Shape of the source.
    pub input_shape: ImageShape,
    /// Height and width of a window.
    pub kernel_size: usize,
    /// Pixels from one window to the next.
    pub stride: usize,
    /// Pixels beyond each edge that windows may reach.
    pub padding: usize,
}

/// Windows along one axis of an image.
#[derive(Clone, Copy, Debug)]
struct Windows {
    extent: usize,
    size: usize,
    stride: usize,
    padding: usize,
}

impl Windows {
    /// How many there are.
    fn count(self) -> Result<usize, NetworkError> {
        let Self { extent, size, stride, padding } = self;
        at_least_one("kernel_size", size)?;
        at_least_one("stride", stride)?;
        let padded = padding.saturating_mul(2).saturating_add(extent);
        let steps = padded.checked_sub(size).ok_or(NetworkError::Window { size, padded })?;
        Ok((steps / stride).saturating_add(1))
    }

    /// The pixels of window `k`, each after its position in the window.
    fn pixels(self, k: usize) -> impl ExactSizeIterator<Item = (usize, usize)> {
        let start = k * self.stride;
        let edge = self.padding + self.extent;
        let first = self.padding.saturating_sub(start).min(self.size);
        let end = edge.saturating_sub(start).clamp(first, self.size);
        (first..end).map(move |tap| (tap, start + tap - self.padding))
    }
}

fn at_least_one(place: &str, value: usize) -> Result<(), NetworkError> {
    if value > 0 {
        return Ok(());
    }
    Err(NetworkError::Value { place: place.into(), value: 0.0, expected: "at least 1" })
}

/// The windows over one image of a stack.
#[derive(Clone, Copy, Debug)]
struct Plane {
    input_shape: ImageShape,
    kernel_size: usize,
    stride: usize,
    padding: usize,
}

impl Plane {
    /// The windows along both axes, with their number.
    fn axes(self) -> Result<[(Windows, usize); 2], NetworkError> {
        let Self { input_shape: [_, height, width], kernel_size: size, stride, padding } = self;
        let along = |extent| {
            let windows = Windows { extent, size, stride, padding };
            windows.count().map(|count| (windows, count))
        };
        Ok([along(height)?, along(width)?])
    }

    /// Shape of a target of so many channels.
    fn output_shape(self, channels: usize) -> Result<ImageShape, NetworkError> {
        check_size(self.input_shape)?;
        let [(_, height), (_, width)] = self.axes()?;
        check_size([channels, height, width])
    }

    /// Number of synapses onto a target of so many channels, if so many pairs of a source and a target image have some.
    fn synapse_count(self, channels: usize, pairs: usize) -> Result<u64, NetworkError> {
        self.output_shape(channels)?;
        let along = |(windows, count): (Windows, usize)| -> u64 {
            (0..count).map(|k| windows.pixels(k).len() as u64).sum()
        };
        let of_pair = self.axes()?.map(along).into_iter().fold(1, u64::saturating_mul);
        let count = of_pair.saturating_mul(pairs as u64);
        check_count(count)?;
        Ok(count)
    }

    /// Pixels of a source image, and windows over it.
    fn sizes(self) -> Result<[usize; 2], NetworkError> {
        let ([_, height, width], [(_, rows), (_, columns)]) = (self.input_shape, self.axes()?);
        Ok([height * width, rows * columns])
    }

    /// Visits all windows, row by row, each with its pixels: (pixel, position in the window), both counted row by row.
    fn for_each_window(
        self,
        mut visit: impl FnMut(usize, &[(usize, usize)]),
    ) -> Result<(), NetworkError> {
        let [(rows, height), (columns, width)] = self.axes()?;
        let mut pixels = Vec::new();
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            pixels.clear();
            for (tap_y, in_y) in rows.pixels(y) {
                pixels.extend(columns.pixels(x).map(|(tap_x, in_x)| {
                    (in_y * columns.extent + in_x, tap_y * columns.size + tap_x)
                }));
            }
            visit(y * width + x, &pixels);
        }
        Ok(())
    }
}

/// Refuses what no network can hold, before memory is taken for it.
fn check_size([channels, height, width]: ImageShape) -> Result<ImageShape, NetworkError> {
    at_least_one("channels", channels)?;
    let neurons = channels.saturating_mul(height).saturating_mul(width);
    if neurons <= MAX_NEURONS {
        return Ok([channels, height, width]);
    }
    let place = "the output of windows".into();
    Err(NetworkError::TooLarge { place, count: neurons as u64, limit: MAX_NEURONS })
}

fn check_count(count: u64) -> Result<(), NetworkError> {
    if count <= MAX_SYNAPSES {
        return Ok(());
    }
    let place = "a connection by windows".into();
    Err(NetworkError::TooManySynapses { place, count, limit: MAX_SYNAPSES })
}

impl Conv2d {
    fn plane(&self) -> Plane {
        let Self { input_shape, kernel_size, stride, padding, .. } = *self;
        Plane { input_shape, kernel_size, stride, padding }
    }

    /// Shape of the target: `[out_channels, height, width]`.
    ///
    /// # Errors
    /// [`NetworkError::Value`] for a kernel or a stride of 0, [`NetworkError::Window`] for a kernel that is larger than the padded image, and
    /// [`NetworkError::TooLarge`].
    pub fn output_shape(&self) -> Result<ImageShape, NetworkError> {
        self.plane().output_shape(self.out_channels)
    }

    /// Shape of the weights: output channels, input channels, height and width of a kernel.
    #[must_use]
    pub fn weight_shape(&self) -> [usize; 4] {
        [self.out_channels, self.input_shape[0], self.kernel_size, self.kernel_size]
    }

    /// Number of weights.
    #[must_use]
    pub fn weight_count(&self) -> usize {
        self.weight_shape().into_iter().fold(1, usize::saturating_mul)
    }

    /// Number of synapses.
    ///
    /// # Errors
    /// As [`Self::output_shape`], and [`NetworkError::TooManySynapses`] if they, or the weights, are too many.
    pub fn synapse_count(&self) -> Result<u64, NetworkError> {
        let kernels = self.out_channels.saturating_mul(self.input_shape[0]);
        let count = self.plane().synapse_count(self.out_channels, kernels)?;
        check_count(self.weight_count() as u64)?;
        Ok(count)
    }

    /// The synapses, in the order of their targets.
    ///
    /// # Errors
    /// As [`Self::synapse_count`].
    pub fn synapses(&self) -> Result<Vec<SharedSynapse>, NetworkError> {
        self.synapse_count()?;
        let (plane, kernel) = (self.plane(), self.kernel_size * self.kernel_size);
        let ([image, map], in_channels) = (plane.sizes()?, self.input_shape[0]);
        let mut synapses = Vec::new();
        for out in 0..self.out_channels {
            plane.for_each_window(|window, pixels| {
                for channel in 0..in_channels {
                    let first = (out * in_channels + channel) * kernel;
                    synapses.extend(pixels.iter().map(|&(pixel, tap)| {
                        (channel * image + pixel, out * map + window, narrow(first + tap))
                    }));
                }
            })?;
        }
        Ok(synapses)
    }
}

impl AvgPool2d {
    fn plane(&self) -> Plane {
        let Self { input_shape, kernel_size, stride, padding } = *self;
        Plane { input_shape, kernel_size, stride, padding }
    }

    /// Shape of the target: `[channels, height, width]`.
    ///
    /// # Errors
    /// As [`Conv2d::output_shape`].
    pub fn output_shape(&self) -> Result<ImageShape, NetworkError> {
        self.plane().output_shape(self.input_shape[0])
    }

    /// Number of synapses.
    ///
    /// # Errors
    /// As [`Conv2d::synapse_count`].
    pub fn synapse_count(&self) -> Result<u64, NetworkError> {
        self.plane().synapse_count(self.input_shape[0], self.input_shape[0])
    }

    /// The synapses, in the order of their targets; all have weight 0 of one.
    ///
    /// # Errors
    /// As [`Conv2d::synapse_count`].
    pub fn synapses(&self) -> Result<Vec<SharedSynapse>, NetworkError> {
        self.synapse_count()?;
        let plane = self.plane();
        let [image, map] = plane.sizes()?;
        let mut synapses = Vec::new();
        for channel in 0..self.input_shape[0] {
            plane.for_each_window(|window, pixels| {
                let synapse = |&(pixel, _): &(usize, usize)| {
                    (channel * image + pixel, channel * map + window, 0)
                };
                synapses.extend(pixels.iter().map(synapse));
            })?;
        }
        Ok(synapses)
    }

    /// The weight of a window whose pixels together add `factor`.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a window has far fewer pixels than 2⁵³")]
    pub fn weight(&self, factor: f64) -> f64 {
        factor / (self.kernel_size * self.kernel_size) as f64
    }
}

/// An index of a weight, whose number has been checked.
fn narrow(weight: usize) -> u32 {
    u32::try_from(weight).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The synapses of a convolution as its definition has them, in any order.
    fn by_definition(conv: &Conv2d) -> Vec<SharedSynapse> {
        let Conv2d { input_shape: [channels, height, width], kernel_size, stride, padding, .. } =
            *conv;
        let [out_channels, out_height, out_width] = conv.output_shape().unwrap();
        let mut all = Vec::new();
        let kernel_axis = kernel_size * kernel_size;
        for k in 0..out_channels * out_height * out_width * channels * kernel_axis {
            let (tap, k) = (k % kernel_axis, k / kernel_axis);
            let (channel, post) = (k % channels, k / channels);
            let (x, y) = (post % out_width, post / out_width % out_height);
            let out = post / out_width / out_height;
            let at = |place: usize, tap: usize, extent: usize| {
                (place * stride + tap).checked_sub(padding).filter(|&at| at < extent)
            };
            let (row, column) = (tap / kernel_size, tap % kernel_size);
            if let (Some(y), Some(x)) = (at(y, row, height), at(x, column, width)) {
                let weight =
                    ((out * channels + channel) * kernel_size + row) * kernel_size + column;
                all.push(((channel * height + y) * width + x, post, narrow(weight)));
            }
        }
        all
    }

    #[test]
    fn a_convolution_is_its_definition() {
        for (shape, out_channels, kernel_size, stride, padding) in [
            ([1, 5, 4], 2, 3, 1, 0),
            ([2, 4, 6], 3, 2, 2, 0),
            ([3, 5, 5], 2, 3, 2, 1),
            ([1, 2, 3], 1, 4, 1, 2),
            ([2, 1, 1], 2, 1, 3, 2),
        ] {
            let conv = Conv2d { input_shape: shape, out_channels, kernel_size, stride, padding };
            let synapses = conv.synapses().unwrap();
            assert_eq!(synapses, by_definition(&conv), "{conv:?}");
            assert_eq!(synapses.len() as u64, conv.synapse_count().unwrap());
            assert!(synapses.iter().all(|&(.., weight)| (weight as usize) < conv.weight_count()));
        }
    }

    #[test]
    fn an_average_is_a_convolution_of_each_channel_with_one_weight() {
        let input_shape = [2, 5, 4];
        let pool = AvgPool2d { input_shape, kernel_size: 3, stride: 2, padding: 1 };
        let [channels, height, width] = pool.output_shape().unwrap();
        assert_eq!([channels, height, width], [2, 3, 2]);
        let one = Conv2d {
            input_shape: [1, 5, 4],
            out_channels: 1,
            kernel_size: 3,
            stride: 2,
            padding: 1,
        };
        let of_channel = |c: usize| {
            let one = by_definition(&one).into_iter();
            one.map(move |(pre, post, _)| (pre + 20 * c, post + height * width * c, 0))
        };
        assert_eq!(
            pool.synapses().unwrap(),
            of_channel(0).chain(of_channel(1)).collect::<Vec<_>>()
        );
        assert_eq!(pool.synapses().unwrap().len() as u64, pool.synapse_count().unwrap());
        assert!((9.0 * pool.weight(1.5) - 1.5).abs() < 1e-15);
    }

    #[test]
    fn what_cannot_be_is_said_before_memory_is_taken_for_it() {
        let conv = Conv2d {
            input_shape: [1, 4, 3],
            out_channels: 1,
            kernel_size: 2,
            stride: 1,
            padding: 0,
        };
        let refused = |conv: Conv2d, part: &str| {
            let error = conv.synapses().unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        refused(Conv2d { kernel_size: 0, ..conv }, "kernel_size");
        refused(Conv2d { stride: 0, ..conv }, "stride");
        refused(Conv2d { out_channels: 0, ..conv }, "channels");
        refused(Conv2d { kernel_size: 4, ..conv }, "a window of 4 pixels does not fit into 3");
        refused(Conv2d { out_channels: usize::MAX, ..conv }, "at most 1000000");
        refused(Conv2d { padding: usize::MAX, ..conv }, "at most 1000000");
        let wide = usize::MAX / 2;
        refused(Conv2d { padding: wide, kernel_size: 2 * wide, ..conv }, "synapses");
    }
}
