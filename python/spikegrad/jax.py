"""JAX: the loss of a problem as a function that can be jitted, differentiated twice and vmapped.

XLA calls the compiled part itself, without Python in between; a batch is one call, on all threads. Derivatives are reverse: `jax.grad`, `jax.vjp`, `jax.jacrev`,
and `jax.jacrev(jax.grad(f))` for a Hessian. Forward mode is a function of its own, `jvp_function`.

Enable 64 bits (`jax.config.update("jax_enable_x64", True)`): without, JAX has float32 arrays; what is computed is float64 all the same, and its results are rounded.
"""

from __future__ import annotations

import ctypes
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero

from . import _core
from ._errors import InputError
from ._problem import Kinds, Problem

__all__ = ["jvp_function", "loss_function"]

# Without types in JAX.
_pycapsule: Any = jax.ffi.pycapsule
_shaped: Any = jax.ShapeDtypeStruct

for _name, _address in _core.xla_functions():
    jax.ffi.register_ffi_target(_name, _pycapsule(ctypes.c_void_p(_address)), platform="cpu")


def _call(name: str, results: Any, *arrays: jax.Array, handle: int) -> Any:
    call: Any = jax.ffi.ffi_call(name, results, vmap_method="broadcast_all")
    return call(*arrays, handle=np.int64(handle))


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def _value_and_grad(x: jax.Array, handle: int) -> tuple[jax.Array, jax.Array]:
    results = (_shaped(x.shape[:-1], x.dtype), _shaped(x.shape, x.dtype))
    value, gradient = _call("spikegrad_value_and_grad", results, x, handle=handle)
    return value, gradient


def _forward(x: Any, handle: int) -> Any:
    value, gradient = _value_and_grad(x.value, handle)
    # The gradient that is needed on the way back is the output, whose own derivative is known.
    return (value, gradient), (x.value, gradient)


def _backward(handle: int, residuals: Any, cotangents: Any) -> tuple[jax.Array]:
    x, gradient = residuals
    of_value, of_gradient = cotangents
    by_x = jnp.zeros_like(x) if isinstance(of_value, SymbolicZero) else of_value[..., None] * gradient
    if not isinstance(of_gradient, SymbolicZero):
        by_x = by_x + _hvp(x, of_gradient, handle)
    return (by_x,)


_value_and_grad.defvjp(_forward, _backward, symbolic_zeros=True)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _hvp(x: jax.Array, v: jax.Array, handle: int) -> jax.Array:
    product: jax.Array = _call("spikegrad_hvp", _shaped(x.shape, x.dtype), x, v, handle=handle)
    return product


def _hvp_forward(x: Any, v: Any, handle: int) -> Any:
    if x.perturbed:
        raise NotImplementedError("spikegrad has first and second derivatives; a third was asked for")
    return _hvp(x.value, v.value, handle), x.value


def _hvp_backward(handle: int, x: Any, of_product: Any) -> tuple[jax.Array, jax.Array]:
    # By v it is the product again, because a Hessian is symmetric; by x it was not asked for.
    by_v = jnp.zeros_like(x) if isinstance(of_product, SymbolicZero) else _hvp(x, of_product, handle)
    return jnp.zeros_like(x), by_v


_hvp.defvjp(_hvp_forward, _hvp_backward, symbolic_zeros=True)


def _numbers(function: _core.Function) -> jax.Array:
    numbers = jnp.asarray(function.numbers())
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
    numbers, handle = _numbers(function), function.handle()

    def loss(x: Any) -> jax.Array:
        value, _ = _value_and_grad(_checked("x", x, numbers), handle)
        return value

    # XLA finds the function by its number, for as long as somebody holds on to it.
    loss.function = function  # type: ignore[attr-defined]
    return loss, numbers


def jvp_function(
    problem: Problem, *, with_respect_to: Kinds = None
) -> tuple[Callable[[Any, Any], jax.Array], jax.Array]:
    """The derivative of the loss of a problem along a direction, carried forward, as a function of numbers and direction; and the numbers.

    The function takes two arrays of shape (n,) and returns a scalar. It can be jitted and vmapped, and not be differentiated.

    >>> along, x = jvp_function(problem)
    >>> jax.jit(along)(x, direction)
    """
    function = problem._function(with_respect_to)
    numbers, handle = _numbers(function), function.handle()

    def along(x: Any, v: Any) -> jax.Array:
        result = _shaped((), numbers.dtype)
        arrays = (_checked("x", x, numbers), _checked("v", v, numbers))
        derivative: jax.Array = _call("spikegrad_jvp", result, *arrays, handle=handle)
        return derivative

    along.function = function  # type: ignore[attr-defined]
    return along, numbers
