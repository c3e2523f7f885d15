"""The synapses of a convolution, which share weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._errors import InputError
from ._spikes import _count
from ._types import Indices


@dataclass(frozen=True)
class Convolution:
    """The synapses of a convolution between stacks of images, whose neurons stand channel by channel, each row by row from the top.

    Attributes:
        shape: channels, height and width of the target
        pre, post: source and target of each synapse
        weight_of: its weight, as a position in the flattened kernel
    """

    shape: tuple[int, int, int]
    pre: Indices
    post: Indices
    weight_of: Indices


def convolution(kernel: tuple[int, ...], shape: tuple[int, ...], stride: int, padding: int) -> Convolution:
    """As `torch.nn.Conv2d` does it: a `kernel` of (out, in, height, width) over a stack of images of `shape` (in, height, width)."""
    sizes = tuple(_count("shape", size) for size in shape)
    if len(kernel) != 4:
        raise InputError(f"kernel has the shape {kernel}; it must have four dimensions: out, in, height, width", "kernel")
    if len(sizes) != 3 or sizes[0] != kernel[1]:
        raise InputError(f"shape is {sizes}; it must be ({kernel[1]}, height, width), as the kernel has it", "shape")
    stride, padding = _count("stride", stride), _count("padding", padding)
    if stride == 0:
        raise InputError("stride is 0; it must be at least 1", "stride")
    for size, window in zip(sizes[1:], kernel[2:], strict=True):
        if not 1 <= window <= size + 2 * padding:
            raise InputError(f"a kernel of {kernel[2:]} does not fit into images of {sizes[1:]} with padding {padding}", "kernel")
    height, width = ((size + 2 * padding - window) // stride + 1 for size, window in zip(sizes[1:], kernel[2:], strict=True))
    # Every place of the target with every entry of its kernel, less those that lie beyond an edge.
    out, into, row, column, y, x = np.indices((kernel[0], kernel[1], *kernel[2:], height, width)).reshape(6, -1)
    from_row, from_column = y * stride + row - padding, x * stride + column - padding
    inside = (from_row >= 0) & (from_row < sizes[1]) & (from_column >= 0) & (from_column < sizes[2])
    pre = (into * sizes[1] + from_row) * sizes[2] + from_column
    post = (out * height + y) * width + x
    weight_of = ((out * kernel[1] + into) * kernel[2] + row) * kernel[3] + column
    return Convolution((kernel[0], height, width), pre[inside], post[inside], weight_of[inside])
