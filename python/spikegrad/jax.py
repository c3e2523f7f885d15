"""JAX: the loss of a problem, or of a network and a batch of trains, as a function that can be jitted, differentiated twice and vmapped.

For a problem XLA calls the compiled part itself, without Python in between, and rows of a vmap are one call, on all threads. Derivatives are reverse: `jax.grad`, `jax.vjp`, `jax.jacrev`,
and `jax.jacrev(jax.grad(f))` for a Hessian. Forward mode is a function of its own, `jvp_function`.

Enable 64 bits (`jax.config.update("jax_enable_x64", True)`): without, JAX has float32 arrays; what is computed is float64 all the same, and its results are rounded.
"""

from __future__ import annotations

import ctypes
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero

from . import _core
from ._errors import InputError
from ._network import Network, _factor
from ._problem import Kinds, Problem
from ._spikes import SpikeTrains
from ._types import Array, ArrayLike
from .losses import Loss

__all__ = ["batch_loss_function", "jvp_function", "loss_function"]

# Without types in JAX.
_pycapsule: Any = jax.ffi.pycapsule
_shaped: Any = jax.ShapeDtypeStruct

for _name, _address in _core.xla_functions():
    jax.ffi.register_ffi_target(_name, _pycapsule(ctypes.c_void_p(_address)), platform="cpu")


class _OfProblem:
    """The loss of a problem, which XLA finds by its number, for as long as somebody holds on to it."""

    def __init__(self, function: _core.Function) -> None:
        self._function = function
        self._handle = np.int64(function.handle())

    def call(self, name: str, results: Any, *arrays: jax.Array) -> Any:
        call: Any = jax.ffi.ffi_call(f"spikegrad_{name}", results, vmap_method="broadcast_all")
        return call(*arrays, handle=self._handle)


# What a callback gets is copied by a thread of JAX, which may be the one that waits for the callback, unless it is small (100 KiB).
_PIECE = 8192


class _OfBatch:
    """The loss of a network and a batch, which XLA calls back in Python."""

    def __init__(
        self, network: Network, trains: SpikeTrains, loss: Loss | Sequence[Loss], labels: ArrayLike | None, reduction: str, **options: Any
    ) -> None:
        self._stimuli = network._stimuli(trains)
        self._engine = network._engine(**options)
        # No direction moves input times or currents.
        _, *still = network._along(trains, {})
        self._still = still[0], still[1]
        self._losses = network._losses(trains, loss, labels)
        self._factor = _factor(reduction, len(trains))

    def call(self, name: str, results: Any, *arrays: jax.Array) -> Any:
        joined = jnp.concatenate(arrays)
        pieces = [joined[first : first + _PIECE] for first in range(0, len(joined), _PIECE)]
        # JAX knows a method again, and not a function that is made here.
        return jax.pure_callback(getattr(self, name), results, *pieces, vmap_method="sequential")

    def value_and_grad(self, *pieces: jax.Array) -> tuple[Array, Array]:
        x = np.concatenate(pieces)
        values, gradient, *_ = self._engine.value_and_grad(x, self._stimuli, *self._losses)
        return (values.sum() * self._factor).astype(x.dtype), (gradient * self._factor).astype(x.dtype)

    def hvp(self, *pieces: jax.Array) -> Array:
        x, v = np.split(np.concatenate(pieces), 2)
        product, *_ = self._engine.hvp(x, (v, *self._still), self._stimuli, *self._losses)
        return (product * self._factor).astype(x.dtype)


_Of = _OfProblem | _OfBatch


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def _value_and_grad(x: jax.Array, of: _Of) -> tuple[jax.Array, jax.Array]:
    results = (_shaped(x.shape[:-1], x.dtype), _shaped(x.shape, x.dtype))
    value, gradient = of.call("value_and_grad", results, x)
    return value, gradient


def _forward(x: Any, of: _Of) -> Any:
    value, gradient = _value_and_grad(x.value, of)
    # The gradient that is needed on the way back is the output, whose own derivative is known.
    return (value, gradient), (x.value, gradient)


def _backward(of: _Of, residuals: Any, cotangents: Any) -> tuple[jax.Array]:
    x, gradient = residuals
    of_value, of_gradient = cotangents
    by_x = jnp.zeros_like(x) if isinstance(of_value, SymbolicZero) else of_value[..., None] * gradient
    if not isinstance(of_gradient, SymbolicZero):
        by_x = by_x + _hvp(x, of_gradient, of)
    return (by_x,)


_value_and_grad.defvjp(_forward, _backward, symbolic_zeros=True)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _hvp(x: jax.Array, v: jax.Array, of: _Of) -> jax.Array:
    product: jax.Array = of.call("hvp", _shaped(x.shape, x.dtype), x, v)
    return product


def _hvp_forward(x: Any, v: Any, of: _Of) -> Any:
    if x.perturbed:
        raise NotImplementedError("spikegrad has first and second derivatives; a third was asked for")
    return _hvp(x.value, v.value, of), x.value


def _hvp_backward(of: _Of, x: Any, of_product: Any) -> tuple[jax.Array, jax.Array]:
    # By v it is the product again, because a Hessian is symmetric; by x it was not asked for.
    by_v = jnp.zeros_like(x) if isinstance(of_product, SymbolicZero) else _hvp(x, of_product, of)
    return jnp.zeros_like(x), by_v


_hvp.defvjp(_hvp_forward, _hvp_backward, symbolic_zeros=True)


def _numbers(values: Array) -> jax.Array:
    numbers = jnp.asarray(values)
    if numbers.dtype != jnp.float64:
        warnings.warn(
            "JAX has 64 bits off: numbers and derivatives are rounded to float32; "
            'jax.config.update("jax_enable_x64", True) before the first array',
            stacklevel=3,
        )
    return numbers


def _checked(name: str, x: Any, like: jax.Array) -> jax.Array:
    array = jnp.asarray(x)
    if jnp.issubdtype(array.dtype, jnp.complexfloating):
        raise InputError(f"{name} has the dtype {array.dtype}; it must be real, best float64", name)
    if array.shape != like.shape:
        raise InputError(f"{name} has the shape {array.shape}; it must have {like.shape}", name)
    return array.astype(like.dtype)


def loss_function(
    problem: Problem, *, with_respect_to: Kinds = None
) -> tuple[Callable[[Any], jax.Array], jax.Array]:
    """The loss of a problem as a function of its numbers, and these numbers.

    The function takes an array of shape (n,) and returns a scalar; it can be jitted, vmapped, and differentiated twice, backwards. Raises `InputError`
    for another shape; what goes wrong in the computation is an error of XLA that carries the message.

    >>> f, x = loss_function(problem)
    >>> jax.jit(jax.value_and_grad(f))(x)
    """
    function = problem._function(with_respect_to)
    return _loss(_OfProblem(function), _numbers(function.numbers()))


def _loss(of: _Of, numbers: jax.Array) -> tuple[Callable[[Any], jax.Array], jax.Array]:
    def loss(x: Any) -> jax.Array:
        value, _ = _value_and_grad(_checked("x", x, numbers), of)
        return value

    return loss, numbers


def batch_loss_function(
    network: Network,
    trains: SpikeTrains,
    loss: Loss | Sequence[Loss],
    *,
    labels: ArrayLike | None = None,
    reduction: str = "mean",
    **options: Any,
) -> tuple[Callable[[Any], jax.Array], jax.Array]:
    """The value of `Network.value_and_grad` as a function of all values of the network, and these values, `network.flat`.

    Arguments are those of `Network.value_and_grad`. The function is like that of `loss_function`; XLA calls it back in Python, once for each row of a vmap.

    >>> f, x = batch_loss_function(network, trains, loss, labels=labels)
    >>> jax.jit(jax.value_and_grad(f))(x)
    """
    of = _OfBatch(network, trains, loss, labels, reduction, **options)
    return _loss(of, _numbers(network.flat))


def jvp_function(
    problem: Problem, *, with_respect_to: Kinds = None
) -> tuple[Callable[[Any, Any], jax.Array], jax.Array]:
    """The derivative of the loss of a problem along a direction as a function of numbers and direction; and the numbers.

    The function takes two arrays of shape (n,) and returns a scalar. It can be jitted and vmapped, and not be differentiated.

    >>> along, x = jvp_function(problem)
    >>> jax.jit(along)(x, direction)
    """
    function = problem._function(with_respect_to)
    of, numbers = _OfProblem(function), _numbers(function.numbers())

    def along(x: Any, v: Any) -> jax.Array:
        result = _shaped((), numbers.dtype)
        arrays = (_checked("x", x, numbers), _checked("v", v, numbers))
        derivative: jax.Array = of.call("jvp", result, *arrays)
        return derivative

    return along, numbers
