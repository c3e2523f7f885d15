"""PyTorch: the operators are registered as PyTorch wants them, and its own checks of first and second derivatives pass."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import PROBLEMS, feed_forward, recurrent, stimuli

import spikegrad

torch = pytest.importorskip("torch")
# Its tensors are small: more threads would wait for each other.
torch.set_num_threads(1)
from torch import Tensor, nn  # noqa: E402

import spikegrad.torch as sgt  # noqa: E402


def problem(network: spikegrad.Network) -> spikegrad.Problem:
    loss = spikegrad.losses.max_voltage_cross_entropy("out", 1)
    return network.problem(stimuli(1), loss)


# Both checks take central differences with a step of 1e-6 of every variable. In seconds that is a few thousandths of a delay, where higher derivatives are
# felt: with seed 0 an entry of the Hessian by v_th and tau_syn is −0.1319364, and its difference quotient, in exact arithmetic, −0.1325548. In units of
# 10 ms all variables are of the order of 1, and truncation is 10⁴ times less.
UNIT_OF_TIMES = 0.01
TIMES = ("tau_", "t_ref", "delay", "stimulus/spikes")
# A gradient of the order of 1 is rounded to about 1e-15, and that over the step is 1e-9; truncation is below 1e-6 of an entry. Ten times as much is
# allowed, and less than by default (1e-5 and 1e-3).
ROUNDING, TRUNCATION = 1e-8, 1e-5


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("make", [feed_forward, recurrent])
def test_torch_agrees_that_the_loss_is_differentiated_twice(make: Callable[[int], spikegrad.Network], seed: int) -> None:
    stated = problem(make(seed))
    f, x = sgt.loss_function(stated)
    assert x.requires_grad and x.dtype == torch.float64
    units = torch.tensor([UNIT_OF_TIMES if any(word in path for word in TIMES) else 1.0 for path in stated.paths], dtype=torch.float64)
    scaled = (x.detach() / units).requires_grad_()
    assert torch.autograd.gradcheck(lambda y: f(y * units), (scaled,), atol=ROUNDING, rtol=TRUNCATION)
    assert torch.autograd.gradgradcheck(lambda y: f(y * units), (scaled,), atol=ROUNDING, rtol=TRUNCATION)


@pytest.mark.parametrize("path", [p for p in PROBLEMS if p.stem in ("two_inputs", "recurrent")], ids=lambda p: p.stem)
def test_problem_files_pass_too(path) -> None:  # type: ignore[no-untyped-def]
    f, x = sgt.loss_function(spikegrad.Problem.load(path), with_respect_to=("weights",))
    assert torch.autograd.gradcheck(f, (x,))
    assert torch.autograd.gradgradcheck(f, (x,))


def test_the_operators_are_registered_as_they_should_be() -> None:
    f, x = sgt.loss_function(problem(recurrent()))
    handle = max(sgt._FUNCTIONS)
    v = torch.ones_like(x, requires_grad=True)
    torch.library.opcheck(sgt._value_and_grad, (x, handle))
    torch.library.opcheck(sgt._value_and_grad, (torch.stack([x, x]).detach().requires_grad_(), handle))
    torch.library.opcheck(sgt._hvp, (x.detach(), v, handle))
    del f


def test_the_operators_of_a_network_are_registered_as_they_should_be() -> None:
    module, trains = module_of(recurrent()), stimuli(2)
    inputs = (torch.from_numpy(trains.channels.copy()), torch.from_numpy(trains.offsets.copy()))
    values = module.values.detach().requires_grad_()
    times = torch.from_numpy(trains.times.copy()).requires_grad_()
    handle = module._runner.handle
    torch.library.opcheck(sgt._run, (values, times, *inputs, trains.t_end, handle))
    spikes, _, _, readouts = sgt._run(values, times, *inputs, trains.t_end, handle)
    cotangents = (torch.ones_like(spikes).detach().requires_grad_(), torch.ones_like(readouts).detach())
    torch.library.opcheck(sgt._run_backward, (values, times, *inputs, trains.t_end, handle, *cotangents))
    fixed = (values.detach(), times.detach(), *inputs, trains.t_end, handle, *(each.detach() for each in cotangents))
    directions = (torch.ones_like(values).detach().requires_grad_(), torch.ones_like(times).detach().requires_grad_())
    torch.library.opcheck(sgt._run_curvature, (*fixed, *directions))


def test_vmap_is_a_batch_of_numbers() -> None:
    f, x = sgt.loss_function(problem(recurrent()))
    rows = torch.stack([x.detach(), 1.001 * x.detach(), 0.999 * x.detach()])
    expected = torch.stack([f(row) for row in rows])
    assert torch.equal(torch.vmap(f)(rows), expected)
    rows.requires_grad_()
    (gradients,) = torch.autograd.grad(torch.vmap(f)(rows).sum(), rows, create_graph=True)
    for row, gradient in zip(rows, gradients, strict=True):
        assert torch.equal(gradient, torch.autograd.grad(f(row), row)[0])
    (products,) = torch.autograd.grad(gradients.sum(), rows)
    ones = np.ones(len(x))
    for row, product in zip(rows.detach(), products, strict=True):
        assert np.array_equal(product, problem(recurrent()).hvp(row, ones))


def module_of(network: spikegrad.Network, **options: object) -> sgt.SpikingNetwork:
    return sgt.SpikingNetwork(
        network,
        train=["weights", "delays", "tau_mem", "tau_syn", "v_th", "i_bias", "t_ref"],
        record=[spikegrad.maximum("out"), spikegrad.sample("out", [0.01, 0.02])],
        **options,
    )


def test_torch_agrees_with_the_derivatives_of_a_network(network: spikegrad.Network) -> None:
    module, trains = module_of(network), stimuli(2)
    names = [name for name, _ in module.named_parameters()]

    def answer(times: Tensor, *values: Tensor) -> tuple[Tensor, ...]:
        output: sgt.Output = torch.func.functional_call(
            module, dict(zip(names, values, strict=True)), (trains, times)
        )
        first = output.first_spikes("hidden", missing=0.03)
        # Spike times are of the order of 10 ms: in units in which differences of 1e-6 s and tolerances of 1e-5 mean something.
        return first * 1e3, output.times * 1e3, *output.readouts

    # Steps of 1e-6 in seconds would be coarse; in units of 10 ms they are not.
    scales = [100.0 if "tau" in n or "delay" in n or "t_ref" in n else 1.0 for n in names]
    given = [100.0 * torch.from_numpy(trains.times.copy()), *(s * p.detach() for s, p in zip(scales, module.parameters(), strict=True))]
    given = [x.detach().requires_grad_() for x in given]

    def scaled(times: Tensor, *values: Tensor) -> tuple[Tensor, ...]:
        return answer(times / 100.0, *(x / s for x, s in zip(values, scales, strict=True)))

    assert torch.autograd.gradcheck(scaled, given)
    assert torch.autograd.gradgradcheck(scaled, given)


def test_products_of_torch_with_hessian_and_jacobian_are_ours() -> None:
    functional = torch.autograd.functional
    f, x = sgt.loss_function(problem(recurrent()))
    x, along = x.detach(), torch.linspace(-1.0, 1.0, len(x), dtype=torch.float64)
    expected = problem(recurrent()).hvp(x.numpy(), along.numpy())
    for product in (functional.hvp, functional.vhp):
        assert np.array_equal(product(f, x, along)[1], expected)
    module, trains = module_of(recurrent()), stimuli(2)
    name = "input->hidden/weights"

    def answer(weights: Tensor, times: Tensor) -> Tensor:
        output: sgt.Output = torch.func.functional_call(module, {name: weights}, (trains, times))
        return torch.cat([1e3 * output.first_spikes("hidden", missing=0.03).reshape(-1), output.readouts[0].reshape(-1)])

    def loss(weights: Tensor, times: Tensor) -> Tensor:
        return answer(weights, times).square().sum()

    at = (module.get_parameter(name).detach(), torch.from_numpy(trains.times.copy()))
    torch.manual_seed(0)
    directions = (torch.randn_like(at[0]), 1e-3 * torch.randn_like(at[1]))
    for ours, transposed in zip(functional.hvp(loss, at, directions)[1], functional.vhp(loss, at, directions)[1], strict=True):
        assert torch.allclose(ours, transposed, rtol=1e-10, atol=1e-10 * float(transposed.abs().max()))
    jacobian = functional.jacobian(answer, at)
    expected = sum((of.flatten(1) @ along.flatten() for of, along in zip(jacobian, directions, strict=True)), torch.zeros(()))
    assert torch.allclose(functional.jvp(answer, at, directions)[1], expected, rtol=1e-10)
    (product,) = functional.hvp(loss, at, directions, create_graph=True)[1][:1]
    with pytest.raises(NotImplementedError, match="third"):
        functional.hvp(lambda weights: functional.hvp(lambda w: loss(w, at[1]), weights, directions[0], create_graph=True)[1].sum(), at[0], directions[0])


def test_what_a_module_says_is_what_a_run_says() -> None:
    network, trains = recurrent(), stimuli(3)
    output = module_of(network)(trains)
    run = network.run(trains, record=[spikegrad.maximum("out"), spikegrad.sample("out", [0.01, 0.02])])
    for population in network.populations:
        assert np.array_equal(output.first_spikes(population).detach(), run.first_spikes(population))
        assert np.array_equal(output.padded(population).detach(), run.spike_times(population))
        assert np.array_equal(output.counts(population), run.counts(population))
        assert np.array_equal(output.spikes(population)[0].detach(), run.spikes[population].times)
    for ours, theirs in zip(output.readouts, run.readouts, strict=True):
        assert np.array_equal(ours.detach(), theirs)


def test_a_module_learns_beside_ordinary_layers() -> None:
    network, labels = feed_forward(), torch.tensor([0, 1] * 4)
    # Who spikes says the label, when does not.
    lists = [[[0.001 * k], [0.002], []] if k % 2 else [[], [0.002], [0.001 * k]] for k in range(8)]
    trains = spikegrad.SpikeTrains.from_lists(lists, t_end=0.03)
    spiking = sgt.SpikingNetwork(network, train="weights", record=[spikegrad.maximum("out")])
    torch.manual_seed(0)
    linear = nn.Linear(2, 2, dtype=torch.float64)
    parameters = [*spiking.parameters(), *linear.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=0.1)
    losses = []
    for _ in range(60):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(linear(spiking(trains).readouts[0]), labels)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert np.array_equal(spiking.network()["input->hidden/weights"], spiking.get_parameter("input->hidden/weights").detach())


def test_the_state_of_a_module_is_every_number() -> None:
    module = module_of(recurrent())
    state = module.state_dict()
    assert list(state) and set(state) == set(recurrent())
    other = module_of(recurrent(seed=5))
    other.load_state_dict(state)
    assert torch.equal(other.values, module.values)
    for again in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert torch.equal(again(stimuli(2)).times, module(stimuli(2)).times)


def test_the_state_of_a_module_goes_through_a_safetensors_file(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    module, again = module_of(recurrent()), module_of(recurrent(seed=5))
    safetensors.save_file(module.state_dict(), tmp_path / "module.safetensors")
    state = safetensors.load_file(tmp_path / "module.safetensors")
    assert list(state) and {name: x.numpy().tobytes() for name, x in state.items()} == {
        name: x.numpy().tobytes() for name, x in module.state_dict().items()
    }
    again.load_state_dict(state)
    labels = torch.tensor([0, 1, 0])
    losses = [nn.functional.cross_entropy(m(stimuli(3)).readouts[0], labels) for m in (module, again)]
    assert torch.equal(*losses)
    gradients = [torch.autograd.grad(loss, list(m.parameters())) for m, loss in zip((module, again), losses, strict=True)]
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def test_names_with_dots_are_kept() -> None:
    # Populations of nested NIR graphs are called so.
    network = spikegrad.Network(3)
    network.population("outer.inner", 4).population("outer%2Einner", 2, model="li").population("100%", 2, model="li")
    network.connect("input", "outer.inner", np.full((4, 3), 6.0)).connect("outer.inner", "outer%2Einner", np.ones((2, 4)))
    module = sgt.SpikingNetwork(network, train="outer.inner", record=[spikegrad.maximum("outer%2Einner")])
    module(stimuli(1)).readouts[0].sum().backward()
    assert module.get_parameter("outer.inner/tau_mem").grad is not None
    assert dict(module.named_parameters())["outer%2Einner/tau_mem"] is module.get_parameter("outer.inner/tau_mem")
    assert module.get_buffer("input->outer.inner/weights").shape == (4, 3)
    assert "outer.inner->outer%2Einner/weights" in network and len(module.state_dict()) == len(network)
    other = copy.deepcopy(module)
    other.load_state_dict(module.state_dict())
    assert other.network() == network


def test_a_derivative_that_is_left_out_is_not_trained() -> None:
    trains = stimuli(1)
    for train in ("tau_mem", "hidden/tau_syn", "hidden", "params.tau_mem"):
        with pytest.raises(spikegrad.InputError, match="train names hidden/tau_.*time_constants=False"):
            sgt.SpikingNetwork(feed_forward(), train=train, time_constants=False)
    with pytest.raises(spikegrad.InputError, match="train names input->hidden/delay.*input_times=False"):
        sgt.SpikingNetwork(feed_forward(), train="delays", input_times=False)
    named = spikegrad.Network(3).population("hidden", 4).connect("input", "hidden", np.ones((4, 3)), delay=0.001, name="first")
    with pytest.raises(spikegrad.InputError, match="train names first/delay.*input_times=False"):
        sgt.SpikingNetwork(named, train="delays", input_times=False)
    # All others are there.
    others = ["weights", "delays", "v_th", "i_bias", "t_ref", "initial.v"]
    options = {"train": others, "record": [spikegrad.maximum("out")]}
    gradients = []
    for time_constants in (True, False):
        module = sgt.SpikingNetwork(feed_forward(), time_constants=time_constants, **options)
        module(trains).readouts[0].sum().backward()
        gradients.append([parameter.grad for parameter in module.parameters()])
    for ours, expected in zip(*gradients, strict=True):
        assert torch.allclose(ours, expected, rtol=1e-12) and ours.abs().max() > 0
    # Without input times, too, and these are refused.
    module = sgt.SpikingNetwork(feed_forward(), input_times=False, train=["weights", "v_th"], record=options["record"])
    module(trains).readouts[0].sum().backward()
    whole = sgt.SpikingNetwork(feed_forward(), train=["weights", "v_th"], record=options["record"])
    whole(trains).readouts[0].sum().backward()
    for ours, expected in zip(module.parameters(), whole.parameters(), strict=True):
        assert torch.allclose(ours.grad, expected.grad, rtol=1e-12) and ours.grad.abs().max() > 0
    with pytest.raises(spikegrad.InputError, match="times have no derivative with input_times=False"):
        module(trains, torch.from_numpy(trains.times.copy()).requires_grad_())


def test_compiled_functions_say_the_same() -> None:
    f, x = sgt.loss_function(problem(recurrent()))
    compiled = torch.compile(lambda x: 2.0 * f(x * 1.0), backend="aot_eager", fullgraph=True)
    value = compiled(x)
    (gradient,) = torch.autograd.grad(value, x)
    (expected,) = torch.autograd.grad(2.0 * f(x), x)
    assert torch.equal(gradient, expected)


def test_a_compiled_module_says_the_same() -> None:
    module, trains = module_of(recurrent()), stimuli(2)
    compiled = torch.compile(module, backend="aot_eager")
    assert torch.equal(compiled(trains).times, module(trains).times)
    loss = compiled(trains).readouts[0].sum()
    loss.backward()
    gradient = module.get_parameter("input->hidden/weights").grad
    module.zero_grad()
    module(trains).readouts[0].sum().backward()
    assert torch.equal(gradient, module.get_parameter("input->hidden/weights").grad)


def test_forward_mode_is_refused_and_not_zero() -> None:
    f, x = sgt.loss_function(problem(feed_forward()))
    along = (torch.ones_like(x),)
    with pytest.raises(NotImplementedError, match="no forward mode"):
        torch.func.jvp(f, (x.detach(),), along)
    module, trains = module_of(feed_forward()), stimuli(1)
    times = torch.from_numpy(trains.times.copy())
    with pytest.raises(NotImplementedError, match="no forward mode"):
        torch.func.jvp(lambda t: module(trains, t).readouts[0], (times,), (torch.ones_like(times),))


def test_a_network_is_not_vmapped() -> None:
    module, trains = module_of(feed_forward()), stimuli(1)
    times = torch.from_numpy(trains.times.copy())
    with pytest.raises(NotImplementedError, match="cannot be vmapped"):
        torch.vmap(lambda t: module(trains, t).readouts[0])(torch.stack([times, times]))


def test_bad_input_is_named() -> None:
    module = module_of(feed_forward())
    with pytest.raises(spikegrad.InputError, match="trains has 2 channels"):
        module(spikegrad.SpikeTrains.from_lists([[[], []]], t_end=0.01))
    with pytest.raises(spikegrad.InputError, match="times has the shape"):
        module(stimuli(1), torch.zeros(1, dtype=torch.float64))
    with pytest.raises(spikegrad.InputError, match="train names 'weight'"):
        sgt.SpikingNetwork(feed_forward(), train="weight")
    f, x = sgt.loss_function(problem(feed_forward()))
    with pytest.raises(spikegrad.InputError, match="x has the shape"):
        f(x[:-1])
    with pytest.raises(spikegrad.InputError, match="complex"):
        f(x.to(torch.complex128))
    with pytest.raises(NotImplementedError, match="third"):
        (g,) = torch.autograd.grad(f(x), x, create_graph=True)
        (h,) = torch.autograd.grad(g.sum(), x, create_graph=True)
        h.sum().backward()
