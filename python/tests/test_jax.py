"""JAX: jit, grad, vmap and second derivatives are those of the problem, to the bit."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import feed_forward, recurrent, stimuli

import spikegrad

jax = pytest.importorskip("jax")
jax.config.update("jax_enable_x64", True)
jnp = jax.numpy

import spikegrad.jax as sgj  # noqa: E402


@pytest.fixture
def problem() -> spikegrad.Problem:
    return recurrent().problem(stimuli(1), spikegrad.losses.max_voltage_cross_entropy("out", 1))


def test_values_and_gradients_are_those_of_the_problem(problem: spikegrad.Problem) -> None:
    f, x = sgj.loss_function(problem)
    value, gradient = problem.value_and_grad(problem.numbers())
    assert x.dtype == jnp.float64 and np.array_equal(x, problem.numbers())
    for transformed in (jax.value_and_grad(f), jax.jit(jax.value_and_grad(f))):
        ours, by_x = transformed(x)
        assert ours == value and np.array_equal(by_x, gradient)
    composed = jax.jit(jax.grad(lambda x: jnp.sin(f(2.0 * x)) * 3.0))
    y = 0.5 * x
    assert np.allclose(composed(y), 6.0 * np.cos(value) * gradient, rtol=1e-13, atol=0.0)


def test_vmap_is_one_call_for_all(problem: spikegrad.Problem) -> None:
    f, x = sgj.loss_function(problem)
    rows = jnp.stack([x * (1 + 1e-3 * k) for k in range(6)]).reshape(2, 3, -1)
    values = jax.jit(jax.vmap(jax.vmap(f)))(rows)
    gradients = jax.vmap(jax.vmap(jax.grad(f)))(rows)
    assert values.shape == (2, 3) and gradients.shape == rows.shape
    for at in np.ndindex(2, 3):
        expected = problem.value_and_grad(np.asarray(rows[at]))
        assert values[at] == expected[0] and np.array_equal(gradients[at], expected[1])


def test_second_derivatives_are_products_with_the_hessian(problem: spikegrad.Problem) -> None:
    f, x = sgj.loss_function(problem)
    v = jnp.linspace(-1.0, 1.0, len(x))
    product = jax.jit(jax.grad(lambda x: jnp.vdot(jax.grad(f)(x), v)))(x)
    assert np.array_equal(product, problem.hvp(x, v))
    hessian = jax.jacrev(jax.grad(f))(x)
    assert hessian.shape == (len(x), len(x))
    assert np.abs(hessian @ v - product).max() <= 1e-10 * np.abs(hessian).max() * len(x)
    with pytest.raises(NotImplementedError, match="third"):
        jax.grad(lambda x: jax.jacrev(jax.grad(f))(x).sum())(x)


def test_forward_mode_is_a_function_of_its_own(problem: spikegrad.Problem) -> None:
    along, x = sgj.jvp_function(problem)
    v = jnp.ones_like(x)
    assert jax.jit(along)(x, v) == problem.jvp(x, v)
    rows = jnp.eye(len(x))[:3]
    derivatives = jax.vmap(along, in_axes=(None, 0))(x, rows)
    gradient = problem.value_and_grad(x)[1]
    assert np.abs(derivatives - gradient[:3]).max() <= 1e-11 * np.abs(gradient).max()


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_batch_is_a_function_too(reduction: str) -> None:
    network, trains, loss = recurrent(), stimuli(3), spikegrad.losses.max_voltage_cross_entropy("out")
    given = {"labels": [0, 1, 1], "reduction": reduction}
    f, x = sgj.batch_loss_function(network, trains, loss, **given)
    value, gradient = network.value_and_grad(trains, loss, **given)
    assert np.array_equal(x, network.flat)
    for transformed in (jax.value_and_grad(f), jax.jit(jax.value_and_grad(f))):
        ours, by_x = transformed(x)
        assert ours == value and np.array_equal(by_x, gradient.flat)
    rows = jnp.stack([x, 1.001 * x, x]).reshape(3, 1, -1)
    gradients = jax.jit(jax.vmap(jax.vmap(jax.grad(f))))(rows)
    assert np.array_equal(gradients[2, 0], gradient.flat) and not np.array_equal(gradients[1, 0], gradient.flat)
    v = jnp.linspace(-1.0, 1.0, len(x))
    direction = {name: v[slot.slice].reshape(slot.shape) for name, slot in network.slots.items()}
    product = jax.jit(jax.grad(lambda x: jnp.vdot(jax.grad(f)(x), v)))(x)
    assert np.array_equal(product, network.hvp(trains, loss, direction, **given).flat)


def test_a_batch_says_what_goes_wrong() -> None:
    loss = spikegrad.losses.max_voltage_cross_entropy("out")
    with pytest.raises(spikegrad.InputError, match="labels has 1 entries"):
        sgj.batch_loss_function(feed_forward(), stimuli(2), loss, labels=[0])
    f, x = sgj.batch_loss_function(feed_forward(), stimuli(2), loss, labels=[0, 1])
    with pytest.raises(Exception, match="must be a positive time in seconds"):
        jax.block_until_ready(f(-x))
    assert jax.vmap(f)(jnp.zeros((0, len(x)))).shape == (0,)


LARGE = """
import os
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
import jax, numpy as np, spikegrad, spikegrad.jax
jax.config.update("jax_enable_x64", True)
network = spikegrad.Network(300).population("out", 300, model="li").connect("input", "out", np.ones((300, 300)))
trains = spikegrad.SpikeTrains.from_lists([[[0.001]] * 300], t_end=0.01)
f, x = spikegrad.jax.batch_loss_function(network, trains, spikegrad.losses.max_voltage_cross_entropy("out", 0))
f = jax.jit(jax.value_and_grad(f))
for _ in range(5):
    value, gradient = f(x)
    # What is not waited for occupies the thread that copies.
    value, gradient = f(x - 0.0 * gradient)
print(value)
"""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processors can be chosen on Linux alone")
def test_a_batch_with_many_numbers_does_not_hang_on_one_processor() -> None:
    subprocess.run([sys.executable, "-c", LARGE], check=True, timeout=120)


def test_a_test_of_jax_agrees(problem: spikegrad.Problem) -> None:
    from jax.test_util import check_grads

    f, x = sgj.loss_function(problem, with_respect_to="weights")
    # What JAX takes as equal for differences of float64 at its own step.
    check_grads(f, (x,), order=2, modes=["rev"], atol=1e-4, rtol=1e-4)


def test_what_goes_wrong_is_said(problem: spikegrad.Problem) -> None:
    f, x = sgj.loss_function(problem)
    with pytest.raises(spikegrad.InputError, match="x has the shape"):
        f(x[:-1])
    with pytest.raises(spikegrad.InputError, match="complex"):
        f(x.astype(complex))
    with pytest.raises(Exception, match="a time in seconds"):
        jax.block_until_ready(f(-x))
    with pytest.raises(Exception, match="sample 1: .*a time in seconds"):
        jax.block_until_ready(jax.vmap(f)(jnp.stack([x, -x])))
    assert f(x) == problem.value(x)
