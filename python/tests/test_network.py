"""Networks built by names: values, runs, and derivatives."""

from __future__ import annotations

import copy
import os
import pickle
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import PROBLEMS, recurrent, stimuli

import spikegrad
from spikegrad import Network, SpikeTrains, losses

LOSS = losses.max_voltage_cross_entropy("out")


def test_values_have_names_and_shapes() -> None:
    network = recurrent()
    assert network["hidden/tau_mem"].shape == (4,)
    assert network["out/tau_mem"] == 0.015
    assert network["input->hidden/weights"].shape == (4, 3)
    assert network["hidden->hidden/delay"].tolist() == [0.001, 0.002, 0.0015]
    network["hidden/tau_mem"] = 0.02
    assert network["hidden/tau_mem"].shape == ()
    network["hidden/initial/v"] = [0.0, 0.1, 0.2, 0.3]
    assert network["hidden/initial/v"].tolist() == [0.0, 0.1, 0.2, 0.3]
    assert len(network.flat) == sum(slot.size for slot in network.slots.values())
    assert network != recurrent()
    network.flat = 1.01 * network.flat
    assert network["out/tau_mem"] == 1.01 * 0.015


def test_a_population_that_there_is_not_is_named_by_all_who_are_asked_for_it() -> None:
    network = recurrent()
    run = network.run(stimuli(1))
    for ask in (network.model, network.size, network.range, run.counts, run.spike_times, run.first_spikes):
        with pytest.raises(spikegrad.InputError, match="no population 'nobody'"):
            ask("nobody")
    # Inputs are no neurons.
    assert network.size("input") == 3
    for ask in (network.model, network.range):
        with pytest.raises(spikegrad.InputError, match="no population 'input'"):
            ask("input")


def test_what_cannot_be_is_refused_and_leaves_the_network_as_it_was() -> None:
    network = recurrent()
    before = network.to_dict()
    refused: list[tuple[Any, str]] = [
        (lambda: network.__setitem__("hidden/tau_mem", -0.01), "tau_mem is -0.01"),
        (lambda: network.__setitem__("hidden/tau_mem", [0.01, 0.02]), "hidden/tau_mem has the shape"),
        (lambda: network.__setitem__("input->hidden/weights", np.full((4, 3), np.nan)), "weights"),
        (lambda: network.population("hidden", 1), "already"),
        (lambda: network.population("more", -1), "size is -1"),
        (lambda: network.population("more", 1.5), "size is 1.5"),
        (lambda: network.population(3, 2), "name is 3"),
        (lambda: network.connect("input", None, [[1.0]]), "target is None"),
        (lambda: network.population("more", 2, "lfi"), "model is \"lfi\""),
        (lambda: network.population("more", 2, "li", v_th=1.0), "v_th"),
        (lambda: network.population("more", 2, tau_mem=[0.01] * 3), "tau_mem has the shape"),
        (lambda: network.connect("input", "nobody", [[1.0]]), "target is 'nobody'"),
        (lambda: network.connect("input", "hidden", np.ones((3, 4))), r"\(4, 3\), targets and sources"),
        (lambda: network.connect("input", "hidden", np.ones((4, 3)), delay=-0.1), "delay"),
        (lambda: network.connect("input", "hidden", np.ones((4, 3)), delay=np.ones(3)), "delay has the shape"),
        (lambda: network.connect("input", "hidden", [1.0], pre=[0]), "pre and post"),
        (lambda: network.connect("input", "hidden", [1.0], pre=[3], post=[0]), "3, but there are only 3 sources"),
        (lambda: network.connect("input", "hidden", [1.0], pre=[0.5], post=[0]), "pre has the dtype"),
        (lambda: setattr(network, "flat", np.full(len(network.flat), np.inf)), "inf"),
    ]
    for change, message in refused:
        with pytest.raises(spikegrad.SpikegradError, match=message):
            change()
        assert network.to_dict() == before
    assert np.isfinite(network.value(stimuli(1), LOSS, labels=[0])).all()


@pytest.mark.parametrize("path", PROBLEMS, ids=lambda path: path.stem)
def test_a_network_is_that_of_its_problem_file(path: Any) -> None:
    problem = spikegrad.Problem.load(path)
    network = Network.from_problem(problem)
    document = problem.to_dict()
    again = spikegrad.Problem.from_json({**document, "network": network.to_dict()})
    assert again.simulate() == problem.simulate()
    assert Network.from_dict(network.to_dict()) == network
    for twin in (copy.copy(network), pickle.loads(pickle.dumps(network)), network.copy()):
        assert twin == network and np.array_equal(twin.flat, network.flat)


def test_a_batch_is_the_sum_of_its_samples_and_of_its_problem_files(network: Network) -> None:
    trains, labels = stimuli(5), [0, 1, 1, 0, 1]
    value, gradient = network.value_and_grad(trains, LOSS, labels=labels, reduction="sum")
    total = np.zeros_like(gradient.flat)
    for k, label in enumerate(labels):
        one, of_one = network.value_and_grad(trains[k], LOSS, labels=[label])
        assert one == gradient.losses[k]  # type: ignore[index]
        total += of_one.flat
        problem = network.problem(trains, LOSS.with_label(label), sample=k)
        by_file = dict(zip(problem.paths, problem.value_and_grad(problem.numbers())[1], strict=True))
        assert by_file["network/connections/0/weights/2/1"] == of_one["input->hidden/weights"][2, 1]
        assert by_file["network/populations/1/params/tau_mem"] == of_one["out/tau_mem"]
    # Sums in another order: as many roundings as samples.
    assert np.abs(total - gradient.flat).max() <= 5 * 2.3e-16 * np.abs(total).max() * 10
    mean, of_mean = network.value_and_grad(trains, LOSS, labels=labels)
    assert mean == pytest.approx(value / 5, rel=1e-15)
    assert np.allclose(of_mean.flat * 5, gradient.flat, rtol=1e-15, atol=0.0)


def test_a_loss_of_ones_own_goes_back_through_a_run(network: Network) -> None:
    trains, labels = stimuli(4), np.array([0, 1, 1, 0])
    value, expected = network.value_and_grad(trains, LOSS, labels=labels)
    run = network.run(trains, record=[spikegrad.maximum("out")])
    maxima = run.readouts[0]
    share = np.exp(maxima - maxima.max(1, keepdims=True))
    share /= share.sum(1, keepdims=True)
    assert -np.log(share[np.arange(4), labels]).mean() == pytest.approx(value, rel=1e-14)
    share[np.arange(4), labels] -= 1.0
    gradient = run.backward(readouts=[share / 4])
    # The same numbers by another order of roundings.
    assert np.abs(gradient.flat - expected.flat).max() <= 1e-12 * np.abs(expected.flat).max()
    assert gradient.input_times is not None and gradient.input_times.shape == trains.times.shape
    along = network.jvp(trains, LOSS, {"input_times": np.ones_like(trains.times)}, labels=labels)
    assert along == pytest.approx(gradient.input_times.sum(), rel=1e-10)


def test_first_spikes_and_all_spikes_go_back_alike() -> None:
    network, trains = recurrent(), stimuli(2)
    run = network.run(trains)
    first = run.first_spikes("hidden")
    assert np.array_equal(first, run.spike_times("hidden")[:, :, 0])
    assert (run.counts("hidden").sum(1) == np.diff(run.spikes["hidden"].offsets)).all()
    of = run.spikes["hidden"]
    is_first = of.times == first[of.samples, of.channels]
    one = run.backward(first_spikes={"hidden": np.ones_like(first)})
    other = run.backward({"hidden": is_first.astype(float)})
    assert np.array_equal(one.flat, other.flat)
    # Whatever moves all inputs moves all spikes that they cause, and the bias and initial state do not move.
    assert run.certificates(first_spikes={"hidden": np.ones_like(first)})[0]["spikes"] > 0


def test_a_run_keeps_the_values_that_it_was_made_with() -> None:
    network, trains = recurrent(), stimuli(2)
    run = network.run(trains, record=[spikegrad.mean("out")])
    ones = np.ones((2, 2))
    before = run.backward(readouts=[ones]).flat.copy()
    network["input->hidden/weights"] = 2 * network["input->hidden/weights"]
    network.population("later", 3)
    assert np.array_equal(run.backward(readouts=[ones]).flat, before)
    assert "later/tau_mem" not in run.backward(readouts=[ones])


def test_hessians_are_what_differences_of_gradients_find(network: Network) -> None:
    trains, labels = stimuli(2), [0, 1]
    direction = {"input->hidden/weights": np.ones((4, 3)), "hidden/tau_mem": np.full(4, 1e-3)}
    product = network.hvp(trains, LOSS, direction, labels=labels)
    h = 1e-5
    ends = []
    for sign in (1, -1):
        moved = network.copy()
        for name, along in direction.items():
            moved[name] = network[name] + sign * h * along
        ends.append(moved.value_and_grad(trains, LOSS, labels=labels)[1].flat)
    difference = (ends[0] - ends[1]) / (2 * h)
    assert np.abs(difference - product.flat).max() <= 1e-6 * np.abs(product.flat).max()


def test_threads_change_no_bit() -> None:
    network, trains = recurrent(), stimuli(40)
    labels = np.arange(40) % 2
    gradients = []
    for count in (1, 2, 3, 0):
        spikegrad.set_threads(count)
        gradients.append(network.value_and_grad(trains, LOSS, labels=labels)[1].flat)
    assert spikegrad.threads() >= 1
    for bad in (-1, 1.5, "two"):
        with pytest.raises(spikegrad.InputError, match="^threads is"):
            spikegrad.set_threads(bad)  # type: ignore[arg-type]
    with pytest.raises(spikegrad.InputError, match="^max_events is -1"):
        network.run(trains, max_events=-1)
    assert all(np.array_equal(gradient, gradients[0]) for gradient in gradients)


def test_losses_add_up() -> None:
    network, trains = recurrent(), stimuli(2)
    penalty = losses.rate_regulariser("hidden", upper=20.0, tau=0.01)
    both = LOSS + 1e-4 * penalty
    value, gradient = network.value_and_grad(trains, both, labels=[0, 1])
    a, of_a = network.value_and_grad(trains, LOSS, labels=[0, 1])
    b, of_b = network.value_and_grad(trains, penalty)
    assert value == pytest.approx(a + 1e-4 * b, rel=1e-14)
    assert np.allclose(gradient.flat, of_a.flat + 1e-4 * of_b.flat, rtol=1e-10, atol=1e-14)
    with pytest.raises(spikegrad.InputError, match="labels, one for each sample"):
        network.value_and_grad(trains, both)
    with pytest.raises(spikegrad.InputError, match="labels has 1 entries; there are 2 samples"):
        network.value_and_grad(trains, both, labels=[0])
    with pytest.raises(spikegrad.NetworkError, match="label"):
        network.value_and_grad(trains, LOSS, labels=[0, 7])
    with pytest.raises(spikegrad.InputError, match=r"labels"):
        network.value_and_grad(trains, LOSS, labels=[0, -1])


def test_spike_trains_have_many_forms() -> None:
    lists = [[[0.001, 0.003], []], [[0.002], [0.0, 0.004]]]
    trains = SpikeTrains.from_lists(lists, t_end=0.005)
    assert trains.to_lists() == lists and len(trains) == 2
    events = SpikeTrains.from_events([([0, 0], [0.001, 0.003]), ([0, 1, 1], [0.002, 0.0, 0.004])], n_channels=2, t_end=0.005)
    assert events == trains
    raster = trains.to_raster(dt=0.001)
    assert raster.shape == (2, 6, 2) and raster.sum() == 5
    again = SpikeTrains.from_raster(raster, dt=0.001, t_end=0.005)
    assert np.allclose(again.times, sorted_times(trains)) and again.offsets.tolist() == trains.offsets.tolist()
    assert trains[1].to_lists() == lists[1:] and trains[::-1].to_lists() == lists[::-1] and trains[[0, 0]].to_lists() == [lists[0]] * 2
    assert pickle.loads(pickle.dumps(trains)) == trains
    with pytest.raises(ValueError, match="read-only"):
        trains.times[0] = 1.0
    empty = SpikeTrains.from_lists([[[], []]], t_end=0.01)
    assert recurrent().run(SpikeTrains.from_lists([[[], [], []]], t_end=0.01)).counts("hidden").shape == (1, 4)
    assert empty.to_lists() == [[[], []]]
    nothing = SpikeTrains([], [], [0], n_channels=3, t_end=0.01)
    assert recurrent().value(nothing, LOSS, labels=[]).shape == (0,)


def sorted_times(trains: SpikeTrains) -> np.ndarray[Any, Any]:
    return np.concatenate([np.sort(one.times) for one in trains])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SpikeTrains([np.nan], [0], [0, 1], n_channels=1, t_end=0.1), r"times\[0\] is NaN"),
        (lambda: SpikeTrains([-0.1], [0], [0, 1], n_channels=1, t_end=0.1), r"times\[0\] is -0.1"),
        (lambda: SpikeTrains([0.2], [0], [0, 1], n_channels=1, t_end=0.1), r"times\[0\] is 0.2, after t_end"),
        (lambda: SpikeTrains([0.0], [1], [0, 1], n_channels=1, t_end=0.1), r"channels\[0\] is 1"),
        (lambda: SpikeTrains([0.0], [-1], [0, 1], n_channels=1, t_end=0.1), r"channels\[0\] is -1"),
        (lambda: SpikeTrains([0.0], [0.0], [0, 1], n_channels=1, t_end=0.1), "channels has the dtype"),
        (lambda: SpikeTrains([0.0], [0], [0, 2], n_channels=1, t_end=0.1), "offsets must begin with 0"),
        (lambda: SpikeTrains([[0.0]], [0], [0, 1], n_channels=1, t_end=0.1), "times has the shape"),
        (lambda: SpikeTrains([0.0], [0], [0, 1], n_channels=1, t_end=np.inf), "t_end is inf"),
        (lambda: SpikeTrains([1j], [0], [0, 1], n_channels=1, t_end=0.1), "times has the dtype complex"),
        (lambda: SpikeTrains.from_raster(np.full((2, 2), 0.5), dt=0.1), "whole numbers of spikes"),
        (lambda: SpikeTrains.from_raster(np.ones(2), dt=0.1), "raster has the shape"),
        (lambda: SpikeTrains.from_raster(np.ones((2, 2)), dt=0.0), "dt is 0.0"),
    ],
)
def test_spikes_that_cannot_be_are_refused_by_name(make: Any, message: str) -> None:
    with pytest.raises(spikegrad.InputError, match=message):
        make()


def test_cotangents_that_do_not_fit_are_refused_by_name() -> None:
    network, trains = recurrent(), stimuli(2)
    run = network.run(trains, record=[spikegrad.maximum("out")])
    for arguments, message in [
        ({"spikes": {"hidden": [1.0]}}, "spikes"),
        ({"spikes": {"nobody": [1.0]}}, "nobody"),
        ({"readouts": [np.ones((2, 3))]}, r"readouts\[0\] has the shape"),
        ({"readouts": [np.full((2, 2), np.nan)]}, r"readouts\[0\] must be finite"),
        ({"readouts": [None, None]}, "readouts has 2 entries"),
        ({"first_spikes": {"hidden": np.ones((2, 3))}}, "first_spikes"),
    ]:
        with pytest.raises(spikegrad.InputError, match=message):
            run.backward(**arguments)  # type: ignore[arg-type]
    with pytest.raises(spikegrad.SpikegradError, match="out of|not between"):
        network.run(trains, record=[spikegrad.sample("out", [1.0])])
    with pytest.raises(spikegrad.InputError, match="trains is a list"):
        network.run([[0.0]])  # type: ignore[arg-type]


@pytest.mark.skipif(not hasattr(os, "fork") or sys.platform != "linux", reason="signals of Linux")
def test_ctrl_c_ends_a_batch_that_is_under_way() -> None:
    # Far more work than is done before the signal, in samples of some milliseconds each: a network that fires all the time.
    network = Network(1)
    network.population("busy", 100, i_bias=3.0, t_ref=0.0005)
    network.connect("busy", "busy", np.full((100, 100), 0.001))
    trains = SpikeTrains.from_lists([[[0.0]]] * 8000, t_end=0.1)
    threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        network.run(trains)
    # And the next call is as if nothing had happened.
    assert len(network.run(SpikeTrains.from_lists([[[0.0]]], t_end=0.001))) == 1


ALONG = {"busy/i_bias": [1.0]}
ENDLESS: dict[str, Any] = {
    "gradient": lambda network, trains, loss: network.value_and_grad(trains, loss, max_events=10**12),
    "run": lambda network, trains, loss: network.run(trains, max_events=10**12),
    "jvp": lambda network, trains, loss: network.jvp(trains, loss, ALONG, max_events=10**12),
    "hvp": lambda network, trains, loss: network.hvp(trains, loss, ALONG, max_events=10**12),
}


@pytest.mark.skipif(sys.platform != "linux", reason="signals of Linux")
@pytest.mark.parametrize("name", ENDLESS)
def test_ctrl_c_ends_a_single_run(name: str) -> None:
    # Hours of work, if nobody ended it: a neuron that fires, and hears itself.
    network = Network(1)
    network.population("busy", 1, i_bias=[3.0], t_ref=0.0005)
    network.connect("busy", "busy", [[0.001]], delay=0.0001)
    trains = SpikeTrains.from_lists([[[0.0]]], t_end=1e6)
    loss = losses.max_voltage_cross_entropy("busy", 0)
    threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        ENDLESS[name](network, trains, loss)


FORKED = """
import multiprocessing
import numpy as np
from conftest import recurrent, stimuli
from spikegrad import losses

network, trains, loss = recurrent(), stimuli(20), losses.max_voltage_cross_entropy("out", 0)
expected = network.value(trains, loss)
with multiprocessing.get_context("fork").Pool(1) as pool:
    found = pool.apply_async(network.value, (trains, loss)).get(timeout=30)
assert np.array_equal(found, expected)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes that fork")
def test_a_forked_process_has_threads_of_its_own() -> None:
    # In a process by itself: JAX, if it is there, has threads that do not survive.
    subprocess.run([sys.executable, "-c", FORKED], check=True, timeout=60, cwd=Path(__file__).parent)


def test_a_convolution_is_that_of_torch() -> None:
    functional = pytest.importorskip("torch.nn.functional")
    from torch import from_numpy

    rng = np.random.default_rng(0)
    kernel, shape = rng.uniform(-1.0, 1.0, (3, 2, 3, 2)), (2, 5, 4)
    image = rng.random(shape) < 0.5
    expected = functional.conv2d(from_numpy(image[None] * 1.0), from_numpy(kernel), stride=2, padding=1)[0]
    network = Network(40).population("features", expected.numel(), "li")
    network.convolve("input", "features", kernel, shape=shape, stride=2, padding=1)
    lists = [[[0.0] if pixel else [] for pixel in image.reshape(-1)]]
    trains = SpikeTrains.from_lists(lists, t_end=0.02)
    found = network.run(trains, record=[spikegrad.sample("features", [0.01])]).readouts[0][0, :, 0]
    # All spikes come at once: each potential is what one of weight 1 leaves, times the sum of the weights.
    unit = found.sum() / expected.sum().item()
    # A sum of at most 12 weights in another order, and of as many potentials.
    assert np.abs(found - unit * expected.reshape(-1).numpy()).max() <= 1e-14 * unit * np.abs(kernel).sum()
    assert np.array_equal(network["input->features/weights"], kernel.reshape(-1))
    assert Network.from_dict(network.to_dict()) == network


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": (2, 5, 5)}, "source 'input' has 40 neurons"),
        ({"shape": (1, 5, 8)}, r"shape is \(1, 5, 8\)"),
        ({"stride": 0}, "stride is 0"),
        ({"stride": 1}, "target 'features' has 27 neurons"),
        ({"kernel": np.ones((2, 3, 2))}, "four dimensions"),
        ({"kernel": np.ones((3, 2, 9, 2))}, "does not fit"),
        ({"delay": [0.001, 0.002]}, "delay has the shape"),
    ],
)
def test_a_convolution_that_cannot_be_is_refused(change: dict[str, Any], message: str) -> None:
    network = Network(40).population("features", 27, "li")
    arguments: dict[str, Any] = {"kernel": np.ones((3, 2, 3, 2)), "shape": (2, 5, 4), "stride": 2, "padding": 1}
    with pytest.raises(spikegrad.SpikegradError, match=message):
        network.convolve("input", "features", **arguments | change)
    assert not network.connections
