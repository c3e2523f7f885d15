//! Nodes that look through windows, convolutions and pools, as lists of synapses that share weights.
//!
//! An image is `[channels, height, width]`, one of a single dimension has the height 1. Shapes and padding are those of `PyTorch`.
//!
//! Not here: what becomes of the synapses (`form.rs`).

use crate::form::{Form, MOST_SYNAPSES};
use crate::shapes::product;
use crate::{Field, Kind, NirError, Node};

/// Windows along one axis.
#[derive(Clone, Copy, Debug)]
struct Axis {
    extent: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    /// Pixels beyond the first and the last.
    padding: [usize; 2],
    /// How many windows there are.
    count: usize,
}

impl Axis {
    /// The pixel that a window sees at a place of its kernel, if it is one of the image.
    fn pixel(&self, window: usize, tap: usize) -> Option<usize> {
        let at = window * self.stride + tap * self.dilation;
        at.checked_sub(self.padding[0]).filter(|&at| at < self.extent)
    }
}

/// A convolution or a pool over an image of known shape.
#[derive(Debug)]
pub(crate) struct Windows {
    channels: usize,
    out_channels: usize,
    groups: usize,
    axes: [Axis; 2],
    /// The kernels; for a pool the one weight.
    weights: Vec<f64>,
    is_pool: bool,
}

impl Windows {
    /// The windows of a node that an image of the shape `entering` enters.
    pub(crate) fn of(node: &Node, entering: &[usize]) -> Result<Self, NirError> {
        let shape_error = |field, found: &[usize], expected| NirError::Shape {
            node: node.name.clone(),
            field,
            found: found.to_vec(),
            expected,
        };
        let is_pool = matches!(node.kind, Kind::SumPool2d | Kind::AvgPool2d);
        // One dimension is an image of one row.
        let rank = if node.kind == Kind::Conv1d { 1 } else { 2 };
        let (kernel, kernels) = if is_pool {
            (pair(node, "kernel_size", rank, 1)?, [entering.first().copied().unwrap_or(0), 1])
        } else {
            let shape = &node.needs("weight")?.shape;
            let &[out, of_group, ref kernel @ ..] = shape.as_slice() else {
                return Err(shape_error("weight", shape, "channels, channels and the kernel"));
            };
            if kernel.len() != rank {
                return Err(shape_error("weight", shape, "channels, channels and the kernel"));
            }
            ([if rank == 1 { 1 } else { kernel[0] }, kernel[rank - 1]], [out, of_group])
        };
        let groups = if is_pool { 1 } else { node.sizes("groups")?.first().copied().unwrap_or(1) };
        let [out_channels, of_group] = kernels;
        let image = if node.numbers("input_shape").is_some() {
            let mut image = vec![of_group.saturating_mul(groups)];
            image.extend(node.sizes("input_shape")?);
            image
        } else {
            entering.to_vec()
        };
        if image.len() != rank + 1 {
            return Err(shape_error("the input", &image, "channels and the axes of the image"));
        }
        let channels = image[0];
        if groups == 0
            || !out_channels.is_multiple_of(groups)
            || !is_pool && channels != of_group.saturating_mul(groups)
        {
            return Err(shape_error(
                "weight",
                &kernels,
                "channels that the groups divide, and those of the image in a group",
            ));
        }
        let extents = [if rank == 1 { 1 } else { image[1] }, image[rank]];
        let stride = pair(node, "stride", rank, 1)?;
        let dilation = if is_pool { [1, 1] } else { pair(node, "dilation", rank, 1)? };
        let padding = padding(node, rank, kernel, dilation)?;
        let axis = |k: usize| {
            let (extent, kernel, stride, dilation, padding) =
                (extents[k], kernel[k], stride[k], dilation[k], padding[k]);
            let reach = kernel.checked_sub(1)?.checked_mul(dilation)?.checked_add(1)?;
            let padded = extent.checked_add(padding[0])?.checked_add(padding[1])?;
            let count = padded.checked_sub(reach)?.checked_div(stride)? + 1;
            Some(Axis { extent, kernel, stride, dilation, padding, count })
        };
        let (Some(rows), Some(columns)) = (axis(0), axis(1)) else {
            return Err(shape_error(
                "the kernel",
                &kernel,
                "at least 1 and no larger than the padded image, with a stride of at least 1",
            ));
        };
        #[expect(clippy::cast_precision_loss, reason = "pixels of a window, far fewer than 2⁵³")]
        let weights = match node.kind {
            Kind::SumPool2d => vec![1.0],
            Kind::AvgPool2d => vec![1.0 / (kernel[0] * kernel[1]) as f64],
            _ => node.needs("weight")?.values.clone(),
        };
        Ok(Self { channels, out_channels, groups, axes: [rows, columns], weights, is_pool })
    }

    /// Channels, height and width of what leaves.
    pub(crate) fn output_shape(&self) -> [usize; 3] {
        [self.out_channels, self.axes[0].count, self.axes[1].count]
    }

    /// Number of pixels that enter.
    pub(crate) fn pre(&self) -> usize {
        product(&[self.channels, self.axes[0].extent, self.axes[1].extent])
    }

    /// The synapses, in the order of their targets.
    pub(crate) fn form(&self, node: &Node) -> Result<Form, NirError> {
        let [rows, columns] = &self.axes;
        let of_group = if self.is_pool { 1 } else { self.channels / self.groups };
        let most = [product(&self.output_shape()), of_group, rows.kernel, columns.kernel];
        let count = product(&most) as u64;
        if count > MOST_SYNAPSES || self.pre() as u64 > MOST_SYNAPSES {
            return Err(NirError::Synapses {
                node: node.name.clone(),
                count,
                limit: MOST_SYNAPSES,
            });
        }
        let mut synapses = Vec::new();
        for out in 0..self.out_channels {
            let first =
                if self.is_pool { out } else { out / (self.out_channels / self.groups) * of_group };
            for (y, x) in (0..rows.count).flat_map(|y| (0..columns.count).map(move |x| (y, x))) {
                let post = (out * rows.count + y) * columns.count + x;
                for channel in 0..of_group {
                    for (ky, kx) in
                        (0..rows.kernel).flat_map(|ky| (0..columns.kernel).map(move |kx| (ky, kx)))
                    {
                        let (Some(row), Some(column)) = (rows.pixel(y, ky), columns.pixel(x, kx))
                        else {
                            continue;
                        };
                        let pre = ((first + channel) * rows.extent + row) * columns.extent + column;
                        let kernel = (out * of_group + channel) * rows.kernel + ky;
                        let weight = if self.is_pool { 0 } else { kernel * columns.kernel + kx };
                        synapses.push((pre, post, weight));
                    }
                }
            }
        }
        Ok(Form::Listed { synapses, weights: self.weights.clone() })
    }
}

/// A number for each axis of the image, or one for both; `along` for the axis that an image of one dimension lacks.
fn pair(
    node: &Node,
    field: &'static str,
    rank: usize,
    along: usize,
) -> Result<[usize; 2], NirError> {
    match (node.sizes(field)?.as_slice(), rank) {
        (&[one], 1) => Ok([along, one]),
        (&[both], 2) => Ok([both, both]),
        (&[rows, columns], 2) => Ok([rows, columns]),
        (found, _) => Err(NirError::Size {
            node: node.name.clone(),
            field,
            found: found.len(),
            expected: rank,
        }),
    }
}

/// Pixels before and behind the image along each axis.
fn padding(
    node: &Node,
    rank: usize,
    kernel: [usize; 2],
    dilation: [usize; 2],
) -> Result<[[usize; 2]; 2], NirError> {
    match node.fields.get("padding") {
        Some(Field::Text(word)) if word == "valid" => Ok([[0, 0]; 2]),
        Some(Field::Text(word)) if word == "same" => Ok([0, 1].map(|k| {
            let all = kernel[k].saturating_sub(1).saturating_mul(dilation[k]);
            [all / 2, all - all / 2]
        })),
        Some(Field::Text(word)) => Err(NirError::Found {
            place: format!("padding of node {}", node.name),
            found: word.clone(),
            expected: "same, valid or numbers".into(),
        }),
        _ => Ok(pair(node, "padding", rank, 0)?.map(|all| [all, all])),
    }
}
