"""PyTorch: problems and networks as differentiable functions of tensors, exact to second order.

`loss_function(problem)` is the loss of a problem file as a function of its numbers; `SpikingNetwork(network)` is a module whose
output is spike times and potentials. What computes is a registered operator without side effects, so that `torch.compile` takes it as one call. Tensors
are float64 and on the CPU; others are converted, and refused on other devices.
"""

from __future__ import annotations

import itertools
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from . import _core
from ._errors import InputError
from ._evaluate import Record, requests
from ._network import Network
from ._parts import Slot
from ._problem import Kinds, Problem
from ._spikes import SpikeTrains

__all__ = ["Output", "SpikingNetwork", "loss_function"]

# An operator takes tensors and numbers; what it works on is known by a number, for as long as somebody holds on to it.
_HANDLES = itertools.count()
_FUNCTIONS: weakref.WeakValueDictionary[int, _Function] = weakref.WeakValueDictionary()
_MODULES: weakref.WeakValueDictionary[int, _Runner] = weakref.WeakValueDictionary()


def _array(tensor: Tensor) -> np.ndarray[Any, Any]:
    array: np.ndarray[Any, Any] = tensor.detach().contiguous().numpy()
    return array


def _double(name: str, tensor: Tensor) -> Tensor:
    if not isinstance(tensor, Tensor):
        raise InputError(f"{name} is a {type(tensor).__name__}; it must be a tensor", name)
    if tensor.device.type != "cpu":
        raise InputError(f"{name} is on {tensor.device}; it must be on the CPU", name)
    if tensor.is_complex():
        raise InputError(f"{name} is complex; it must be real, best float64", name)
    unpacked: Any = forward_ad.unpack_dual(tensor)  # type: ignore[no-untyped-call]
    if unpacked.tangent is not None:
        # A registered operator has no rule for forward mode: PyTorch would take this derivative for 0.
        raise NotImplementedError("spikegrad.torch has no forward mode; Problem.jvp and Network.jvp are derivatives along a direction")
    return tensor.to(torch.float64)


class _LastTime(torch.autograd.Function):
    """What it is given, which can be differentiated no more: an error, but only where that derivative is needed."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *_: Any) -> Any:
        raise NotImplementedError("spikegrad has first and second derivatives; a third was asked for")


def _last_time(x: Tensor) -> Tensor:
    last: Tensor = _LastTime.apply(x) if x.requires_grad else x
    return last


# The loss of a problem.


class _Function:
    """A loss as a function of an array, and its number."""

    def __init__(self, function: _core.Function) -> None:
        self.function = function
        self.handle = next(_HANDLES)
        _FUNCTIONS[self.handle] = self


@torch.library.custom_op("spikegrad::value_and_grad", mutates_args=(), device_types="cpu")
def _value_and_grad(x: Tensor, handle: int) -> tuple[Tensor, Tensor]:
    """Loss and gradient; `x` has shape (n,) or (rows, n)."""
    function = _FUNCTIONS[handle].function
    if x.ndim == 1:
        value, gradient = function.value_and_grad(_array(x))
        return torch.tensor(value, dtype=torch.float64), torch.from_numpy(gradient)
    values, gradients = function.value_and_grad_of_rows(_array(x))
    return torch.from_numpy(values), torch.from_numpy(gradients)


@_value_and_grad.register_fake
def _(x: Tensor, handle: int) -> tuple[Tensor, Tensor]:
    return x.new_empty(x.shape[:-1]), torch.empty_like(x, memory_format=torch.contiguous_format)


@torch.library.custom_op("spikegrad::hvp", mutates_args=(), device_types="cpu")
def _hvp(x: Tensor, v: Tensor, handle: int) -> Tensor:
    """The product of the Hessian at `x` with `v`, of the same shape."""
    function = _FUNCTIONS[handle].function
    if x.ndim == 1:
        return torch.from_numpy(function.hvp(_array(x), _array(v)))
    return torch.from_numpy(function.hvp_of_rows(_array(x), _array(v)))


@_hvp.register_fake
def _(x: Tensor, v: Tensor, handle: int) -> Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


def _value_and_grad_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    x, ctx.handle = inputs
    ctx.function = _FUNCTIONS.get(ctx.handle)
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(x, output[1])


def _value_and_grad_backward(
    ctx: Any, of_value: Tensor | None, of_gradient: Tensor | None
) -> tuple[Tensor | None, None]:
    x, gradient = ctx.saved_tensors
    by_value = None if of_value is None else of_value.unsqueeze(-1) * gradient
    if of_gradient is None:
        return by_value, None
    by_gradient = _hvp(_last_time(x), of_gradient, ctx.handle)
    return by_gradient if by_value is None else by_value + by_gradient, None


def _hvp_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, _v, ctx.handle = inputs
    ctx.function = _FUNCTIONS.get(ctx.handle)
    ctx.save_for_backward(x)


def _hvp_backward(ctx: Any, of_product: Tensor) -> tuple[None, Tensor, None]:
    # By v it is the product again, because a Hessian is symmetric; by x it would be a third derivative.
    (x,) = ctx.saved_tensors
    return None, _hvp(x, of_product, ctx.handle), None


torch.library.register_autograd(_value_and_grad, _value_and_grad_backward, setup_context=_value_and_grad_context)
torch.library.register_autograd(_hvp, _hvp_backward, setup_context=_hvp_context)


def _rows(tensor: Tensor, dim: int | None, size: int) -> Tensor:
    """With the batch first, and whatever else stands before the numbers laid out in rows."""
    moved = tensor.expand(size, *tensor.shape) if dim is None else tensor.movedim(dim, 0)
    return moved.reshape(-1, moved.shape[-1])


def _value_and_grad_of_batch(info: Any, in_dims: tuple[Any, ...], x: Tensor, handle: int) -> tuple[Any, Any]:
    moved = x.movedim(in_dims[0], 0)
    values, gradients = _value_and_grad(_rows(x, in_dims[0], info.batch_size), handle)
    return (values.reshape(moved.shape[:-1]), gradients.reshape(moved.shape)), (0, 0)


def _hvp_of_batch(info: Any, in_dims: tuple[Any, ...], x: Tensor, v: Tensor, handle: int) -> tuple[Any, Any]:
    rows = _rows(x, in_dims[0], info.batch_size)
    products = _hvp(rows, _rows(v, in_dims[1], info.batch_size), handle)
    example, dim = (x, in_dims[0]) if in_dims[0] is not None else (v, in_dims[1])
    return products.reshape(example.movedim(dim, 0).shape), 0


torch.library.register_vmap(_value_and_grad, _value_and_grad_of_batch)
torch.library.register_vmap(_hvp, _hvp_of_batch)


def loss_function(
    problem: Problem, *, with_respect_to: Kinds = None
) -> tuple[Callable[[Tensor], Tensor], Tensor]:
    """The loss of a problem as a function of its numbers, and these numbers.

    The function takes a float64 tensor of shape (n,) and returns a scalar; it can be differentiated twice, backwards, and vmapped. Where spikes
    appear or vanish it jumps, as the loss does. Its errors are those of `Problem.value_and_grad`.

    >>> f, x = loss_function(problem)
    >>> torch.autograd.gradcheck(f, (x,)), torch.autograd.gradgradcheck(f, (x,))
    """
    core = problem._function(with_respect_to)
    function = _Function(core)

    def loss(x: Tensor) -> Tensor:
        value: Tensor = _value_and_grad(_double("x", x), function.handle)[0]
        return value

    return loss, torch.from_numpy(core.numbers()).requires_grad_()


# Networks.

# Runs that were made last: the way back of one that is still there needs no second run.
_REMEMBERED = 8


class _Runner:
    """A network without its values, what is recorded of it, and its number."""

    def __init__(self, network: Network, record: Sequence[Record], options: dict[str, Any]) -> None:
        self._made_of = (network, record, options)
        self.inputs = network.inputs
        self.engine = network._engine(**options)
        self.requests = requests(network, record)
        self.runs: OrderedDict[tuple[Any, ...], _core.Run] = OrderedDict()
        self.handle = next(_HANDLES)
        _MODULES[self.handle] = self

    def __reduce__(self) -> tuple[Any, ...]:
        return _Runner, self._made_of

    def run(self, values: Tensor, times: Tensor, channels: Tensor, offsets: Tensor, t_end: float) -> _core.Run:
        """The run of these inputs: they decide all of it."""
        arrays = [_array(tensor) for tensor in (values, times, channels, offsets)]
        key = (*(array.tobytes() for array in arrays), t_end)
        run = self.runs.pop(key, None)
        if run is None:
            trains = _core.Trains(self.inputs, arrays[3], arrays[1], arrays[2], t_end)
            run = self.engine.run(arrays[0], trains, *self.requests)
        self.runs[key] = run
        while len(self.runs) > _REMEMBERED:
            self.runs.popitem(last=False)
        return run


@torch.library.custom_op("spikegrad::run", mutates_args=(), device_types="cpu")
def _run(
    values: Tensor, times: Tensor, channels: Tensor, offsets: Tensor, t_end: float, handle: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Times and neurons of all spikes, where those of each sample begin, and the read-outs, a row for each sample."""
    run = _MODULES[handle].run(values, times, channels, offsets, t_end)
    starts, at, neurons = run.spikes()
    return (
        torch.from_numpy(at),
        torch.from_numpy(neurons.astype(np.int64)),
        torch.from_numpy(starts.astype(np.int64)),
        torch.from_numpy(run.readouts()),
    )


@_run.register_fake
def _(
    values: Tensor, times: Tensor, channels: Tensor, offsets: Tensor, t_end: float, handle: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    spikes = torch.library.get_ctx().new_dynamic_size()
    readouts = len(_MODULES[handle].requests[0])
    return (
        values.new_empty(spikes),
        offsets.new_empty(spikes),
        torch.empty_like(offsets),
        values.new_empty(offsets.shape[0] - 1, readouts),
    )


@torch.library.custom_op("spikegrad::run_backward", mutates_args=(), device_types="cpu")
def _run_backward(
    values: Tensor,
    times: Tensor,
    channels: Tensor,
    offsets: Tensor,
    t_end: float,
    handle: int,
    of_spikes: Tensor,
    of_readouts: Tensor,
) -> tuple[Tensor, Tensor]:
    """Derivatives by values and input times of a loss with these derivatives by spikes and read-outs."""
    run = _MODULES[handle].run(values, times, channels, offsets, t_end)
    by_values, by_times, _ = run.backward(_array(of_spikes), _array(of_readouts))
    return torch.from_numpy(by_values), torch.from_numpy(by_times)


@_run_backward.register_fake
def _(
    values: Tensor,
    times: Tensor,
    channels: Tensor,
    offsets: Tensor,
    t_end: float,
    handle: int,
    of_spikes: Tensor,
    of_readouts: Tensor,
) -> tuple[Tensor, Tensor]:
    return torch.empty_like(values), torch.empty_like(times)


@torch.library.custom_op("spikegrad::run_curvature", mutates_args=(), device_types="cpu")
def _run_curvature(
    values: Tensor,
    times: Tensor,
    channels: Tensor,
    offsets: Tensor,
    t_end: float,
    handle: int,
    of_spikes: Tensor,
    of_readouts: Tensor,
    along_values: Tensor,
    along_times: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The derivative of `run_backward` along a direction, by values and times; and those of spikes and read-outs along it."""
    run = _MODULES[handle].run(values, times, channels, offsets, t_end)
    along = (_array(along_values), _array(along_times), np.empty(0))
    found = run.curvature(_array(of_spikes), _array(of_readouts), along)
    by_values, by_times, _, spikes, readouts = (torch.from_numpy(array) for array in found)
    return by_values, by_times, spikes, readouts


@_run_curvature.register_fake
def _(
    values: Tensor,
    times: Tensor,
    channels: Tensor,
    offsets: Tensor,
    t_end: float,
    handle: int,
    of_spikes: Tensor,
    of_readouts: Tensor,
    along_values: Tensor,
    along_times: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    empty = torch.empty_like
    return empty(values), empty(times), empty(of_spikes), empty(of_readouts)


def _run_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    values, times, channels, offsets, ctx.t_end, ctx.handle = inputs
    ctx.runner = _MODULES.get(ctx.handle)
    ctx.mark_non_differentiable(output[1], output[2])
    ctx.save_for_backward(values, times, channels, offsets)


def _run_vjp(ctx: Any, of_spikes: Tensor, _n: None, _o: None, of_readouts: Tensor) -> tuple[Any, ...]:
    by_values, by_times = _run_backward(*ctx.saved_tensors, ctx.t_end, ctx.handle, of_spikes, of_readouts)
    return by_values, by_times, None, None, None, None


def _run_backward_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    values, times, channels, offsets, ctx.t_end, ctx.handle, of_spikes, of_readouts = inputs
    ctx.runner = _MODULES.get(ctx.handle)
    ctx.save_for_backward(values, times, channels, offsets, of_spikes, of_readouts)


def _run_backward_vjp(ctx: Any, along_values: Tensor, along_times: Tensor) -> tuple[Any, ...]:
    *inputs, of_spikes, of_readouts = ctx.saved_tensors
    values, times, of_spikes, of_readouts = map(_last_time, (*inputs[:2], of_spikes, of_readouts))
    by_values, by_times, spikes, readouts = _run_curvature(
        values, times, *inputs[2:], ctx.t_end, ctx.handle, of_spikes, of_readouts, along_values, along_times
    )
    return by_values, by_times, None, None, None, None, spikes, readouts


def _run_curvature_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    values, times, channels, offsets, ctx.t_end, ctx.handle, of_spikes, of_readouts, _, _ = inputs
    ctx.runner = _MODULES.get(ctx.handle)
    ctx.save_for_backward(values, times, channels, offsets, of_spikes, of_readouts)


def _run_curvature_vjp(ctx: Any, along_values: Tensor, along_times: Tensor, spikes: Tensor, readouts: Tensor) -> tuple[Any, ...]:
    # By the direction, in which it is linear: a symmetric second derivative, and first ones; by all else it would be a third.
    *inputs, of_spikes, of_readouts = ctx.saved_tensors
    second = _run_curvature(*inputs, ctx.t_end, ctx.handle, of_spikes, of_readouts, along_values, along_times)
    first = _run_backward(*inputs, ctx.t_end, ctx.handle, spikes, readouts)
    return *(None for _ in range(8)), second[0] + first[0], second[1] + first[1]


def _run_of_batch(*_: Any) -> Any:
    raise NotImplementedError("a network cannot be vmapped, because the number of spikes differs from row to row; run a batch of samples")


torch.library.register_autograd(_run, _run_vjp, setup_context=_run_context)
torch.library.register_vmap(_run, _run_of_batch)
torch.library.register_autograd(_run_backward, _run_backward_vjp, setup_context=_run_backward_context)
torch.library.register_autograd(_run_curvature, _run_curvature_vjp, setup_context=_run_curvature_context)


@dataclass(frozen=True)
class Output:
    """What a network did, as tensors that can be differentiated.

    Attributes:
        times: the time of every spike in seconds: float64, shape (spikes,), sample by sample, in order
        neurons: whose it is, as a position among all neurons of the network: int64, shape (spikes,)
        samples: in which sample: int64, shape (spikes,)
        readouts: for each entry of `record` the potentials: float64, shape (samples, neurons) or (samples, neurons, times)
        ranges: for each population the positions of its neurons among all
        n_samples: the number of samples
    """

    times: Tensor
    neurons: Tensor
    samples: Tensor
    readouts: tuple[Tensor, ...]
    ranges: dict[str, range]
    n_samples: int

    def spikes(self, population: str) -> tuple[Tensor, Tensor, Tensor]:
        """Times in seconds, neurons (counted within the population) and samples of its spikes: three tensors of shape (spikes,)."""
        of = self._range(population)
        at = ((self.neurons >= of.start) & (self.neurons < of.stop)).nonzero().squeeze(-1)
        return self.times[at], self.neurons[at] - of.start, self.samples[at]

    def _range(self, population: str) -> range:
        if population not in self.ranges:
            raise InputError(f"there is no population {population!r}; there are {', '.join(self.ranges)}", "population")
        return self.ranges[population]

    def counts(self, population: str) -> Tensor:
        """The number of spikes of each neuron: int64, shape (samples, neurons). It has no derivative."""
        _, neurons, samples = self.spikes(population)
        size = len(self._range(population))
        flat = torch.bincount(samples * size + neurons, minlength=self.n_samples * size)
        return flat.reshape(self.n_samples, size)

    def _ranks(self, neurons: Tensor, samples: Tensor, size: int) -> Tensor:
        """Which spike of its neuron each is, counted from 0."""
        of = samples * max(size, 1) + neurons
        order = torch.argsort(of, stable=True)
        ordered = of[order]
        ranks = torch.empty_like(order)
        ranks[order] = torch.arange(len(of)) - torch.searchsorted(ordered, ordered)
        return ranks

    def padded(self, population: str, *, missing: float = float("inf")) -> Tensor:
        """The spike times of each neuron in order, in seconds, padded with `missing`: float64, shape (samples, neurons, most spikes)."""
        times, neurons, samples = self.spikes(population)
        size = len(self._range(population))
        counts = self.counts(population)
        most = int(counts.max()) if counts.numel() else 0
        table = times.new_full((self.n_samples, size, most), missing)
        return table.index_put((samples, neurons, self._ranks(neurons, samples, size)), times)

    def first_spikes(self, population: str, *, missing: float = float("inf")) -> Tensor:
        """The first spike time of each neuron in seconds, or `missing` where it is silent: float64, shape (samples, neurons)."""
        times, neurons, samples = self.spikes(population)
        size = len(self._range(population))
        is_first = self._ranks(neurons, samples, size) == 0
        table = times.new_full((self.n_samples, size), missing)
        return table.index_put((samples[is_first], neurons[is_first]), times[is_first])


class SpikingNetwork(nn.Module):
    """A network as a module: its values are parameters, and its output is what it did.

    >>> module = SpikingNetwork(network, train=["weights", "delays", "hidden/tau_mem"], record=[spikegrad.maximum("out")])
    >>> output = module(trains)
    >>> loss = torch.nn.functional.cross_entropy(output.readouts[0], labels)

    `train` names the values that become `nn.Parameter`s: by kind ("weights", "delays"), by quantity ("tau_mem"), or by their names in
    the network; all others are buffers, so that `state_dict` holds every number. They are float64, and called as in the network, but that PyTorch
    has no dots in names: `%2E` stands for one, and `%25` for a percent sign; `get_parameter` and `get_buffer` take the name in the network. `record` and
    `options` are those of `Network.run`.

    Raises `InputError` if `train` names no value of the network, or one whose derivative is left out: with `time_constants=False` a time constant, with `input_times=False`
    a delay of a connection from inputs.
    """

    def __init__(
        self,
        network: Network,
        *,
        train: str | Iterable[str] = ("weights",),
        record: Sequence[Record] = (),
        **options: Any,
    ) -> None:
        super().__init__()
        self._network = network.copy()
        self._runner = _Runner(self._network, record, options)
        self._slots: dict[str, Slot] = self._network.slots
        self._ranges = self._network._ranges
        self._record = tuple(record)
        self._has_input_times = options.get("input_times", True)
        wanted = [train] if isinstance(train, str) else list(train)
        for name in wanted:
            if not any(_is_named(slot, name) for slot in self._slots.values()):
                raise InputError(f"train names {name!r}, which is none of {', '.join(self._slots)}", "train")
        self._registered = {name: name.replace("%", "%25").replace(".", "%2E") for name in self._slots}
        # A connection may have any name.
        of_inputs = [f"{each.name}/delay" for each in self._network._connections.values() if each.source == "input"]
        for name, slot in self._slots.items():
            value = torch.from_numpy(self._network[name])
            if not any(_is_named(slot, each) for each in wanted):
                self.register_buffer(self._registered[name], value)
                continue
            is_tau = slot.kind.rpartition(".")[2].startswith("tau_")
            for option, is_meant in (("time_constants", is_tau), ("input_times", name in of_inputs)):
                if is_meant and not options.get(option, True):
                    raise InputError(f"train names {name}, which has no derivative with {option}=False", "train")
            self.register_parameter(self._registered[name], nn.Parameter(value))

    def get_parameter(self, target: str) -> nn.Parameter:
        """A parameter by its name in the network or, where there is none, in `named_parameters`."""
        return super().get_parameter(self._registered.get(target, target))

    def get_buffer(self, target: str) -> Tensor:
        """A value that is not trained, by its name in the network or, where there is none, in `named_buffers`."""
        return super().get_buffer(self._registered.get(target, target))

    @property
    def values(self) -> Tensor:
        """All values one after another, in the order of `Network.flat`: float64, shape (n,). It can be differentiated."""
        tensors = [_double(name, getattr(self, registered)).reshape(-1) for name, registered in self._registered.items()]
        return torch.cat(tensors) if tensors else torch.empty(0, dtype=torch.float64)

    def network(self) -> Network:
        """The network with the values of this module: a copy. Raises `NetworkError` for a value that cannot be."""
        network = self._network.copy()
        network.flat = _array(self.values)
        return network

    def forward(self, trains: SpikeTrains, times: Tensor | None = None) -> Output:
        """Run every sample. `times`, in seconds and of shape (spikes,), take the place of `trains.times`, and can be differentiated.

        Raises `InputError` for trains that do not fit, `NetworkError` for a value that cannot be, such as a time constant that an optimiser has made
        negative, and `SimulationError` for a run that cannot reach its end; going back, `GradientError` where there is no gradient.
        Injected currents are refused: differentiate them by `Network.run` and `Run.backward`.
        """
        self._network._fits(trains)
        if trains.currents:
            raise InputError("trains has injected currents, which a module does not take; Network.run and Run.backward do", "trains")
        at = torch.from_numpy(trains.times.copy()) if times is None else _double("times", times)
        if at.shape != trains.times.shape:
            raise InputError(f"times has the shape {tuple(at.shape)}; it must have {trains.times.shape}", "times")
        channels, offsets = torch.from_numpy(trains.channels.copy()), torch.from_numpy(trains.offsets.copy())
        return self.run(at, channels, offsets, trains.t_end)

    def run(self, times: Tensor, channels: Tensor, offsets: Tensor, t_end: float) -> Output:
        """Like `forward`, with input spikes in tensors, those of `SpikeTrains`: times (spikes,), and channels (spikes,) and offsets (samples + 1,) of int64."""
        at = _double("times", times)
        if at.requires_grad and not self._has_input_times:
            raise InputError("times have no derivative with input_times=False; detach them, or leave that option out", "times")
        spikes, neurons, starts, table = _run(self.values, at, channels, offsets, float(t_end), self._runner.handle)
        n_samples = offsets.shape[0] - 1
        samples = torch.repeat_interleave(torch.arange(n_samples), starts[1:] - starts[:-1])
        readouts, first = [], 0
        for each in self._record:
            shape = [n_samples, len(self._ranges[each.population])]
            if each.measure == "sample":
                shape.append(len(each.times))
            width = int(np.prod(shape[1:]))
            readouts.append(table[:, first : first + width].reshape(shape))
            first += width
        return Output(spikes, neurons, samples, tuple(readouts), self._ranges, n_samples)

    def extra_repr(self) -> str:
        """What `print` shows of the module."""
        return f"{self._network!r}, trains {', '.join(name for name, _ in self.named_parameters())}"


def _is_named(slot: Slot, wanted: str) -> bool:
    section, _, quantity = slot.kind.rpartition(".")
    by_quantity = quantity == wanted and section != "initial"
    return wanted in (slot.name, slot.kind) or by_quantity or slot.name.startswith(f"{wanted}/")
