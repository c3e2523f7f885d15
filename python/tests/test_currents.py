"""Injected currents: the same as in a problem file, to the bit, and derivatives that differences find."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import recurrent, stimuli

import spikegrad
from spikegrad import CurrentGradient, Network, SpikeTrains, losses

LOSS = losses.max_voltage_cross_entropy("out", 0)
EPSILON = float(np.finfo(np.float64).eps)


def driven(samples: int = 3) -> SpikeTrains:
    """Spikes, and currents of every form: sampled and stepped, shared and of one's own, for all and for some."""
    rng = np.random.default_rng(7)
    return (
        stimuli(samples)
        .inject("hidden", rng.uniform(-0.3, 0.6, 40), interval=5e-4, start=0.001)
        .inject("hidden", [[0.5, -0.25, 0.0], [0.75, 0.125, 0.0]], times=[0.0021, 0.0083, 0.0177], neurons=[3, 0])
        .inject("out", rng.uniform(-1.0, 1.0, (samples, 2, 3)), times=[0.0005, 0.0105, 0.0205])
        .inject("hidden", rng.uniform(0.2, 0.8, (samples, 1, 2)), times=rng.uniform(0.002, 0.02, (samples, 1, 2)).cumsum(-1))
        .inject("out", [0.7, 0.0], times=[0.004, 0.014], samples=[samples - 1])
    )


def by_file(network: Network, trains: SpikeTrains, sample: int) -> dict[str, Any]:
    """The answer of the problem file of a sample."""
    return network.problem(trains, LOSS, sample=sample).gradient()


def test_the_currents_of_a_sample_are_those_of_its_problem_file() -> None:
    network, trains = recurrent(), driven()
    run = network.run(trains)
    values = network.value(trains, LOSS)
    for k in range(len(trains)):
        answer = by_file(network, trains, k)
        value, gradient = network.value_and_grad(trains[k], LOSS)
        assert value == values[k] == answer["loss"]
        of = run.spikes["hidden"][k]
        assert [[c, t] for c, t in zip(of.channels, of.times, strict=True)] == answer["spikes"]["hidden"]
        derivatives, stimulus = answer["gradient"]["network"], answer["gradient"]["stimulus"]
        assert gradient["input->hidden/weights"].tolist() == derivatives["connections"][0]["weights"]
        assert gradient.input_times.tolist() == stimulus["spikes"]
        stated = stimulus["currents"]
        sampled, own, out, onset, *last = gradient.currents
        assert sampled.values.tolist() == stated[0]["values"]
        assert (sampled.start, sampled.interval) == (stated[0]["start"], stated[0]["interval"])
        assert own.values.tolist() == [stated[1]["values"], stated[2]["values"]]
        # Two neurons step at the same times: a sum of two numbers, in whatever order.
        assert own.times is not None
        assert own.times.tolist() == np.add(stated[1]["times"], stated[2]["times"]).tolist()
        assert out.values[0].tolist() == [stated[3]["values"], stated[4]["values"]]
        assert onset.times is not None and onset.times[0, 0].tolist() == stated[5]["times"]
        assert onset.values[0, 0].tolist() == stated[5]["values"]
        assert len(stated) == (7 if k == 2 else 6)
        assert [c.values.tolist() for c in last] == [stated[6]["values"] if k == 2 else [0.0, 0.0]]


def test_a_batch_sums_what_is_shared_and_keeps_what_is_not() -> None:
    network, trains = recurrent(), driven()
    _, whole = network.value_and_grad(trains, LOSS, reduction="sum")
    parts = [network.value_and_grad(trains[k], LOSS)[1].currents for k in range(3)]
    shared = whole.currents[0]
    assert np.allclose(shared.values, sum(part[0].values for part in parts), rtol=1e-14, atol=0.0)
    assert shared.interval == pytest.approx(sum(part[0].interval or 0.0 for part in parts), rel=1e-14)
    for k, part in enumerate(parts):
        assert np.array_equal(whole.currents[2].values[k], part[2].values[0])
        assert np.array_equal(np.asarray(whole.currents[3].times)[k], np.asarray(part[3].times)[0])
    _, mean = network.value_and_grad(trains, LOSS)
    assert np.allclose(3 * mean.currents[2].values, whole.currents[2].values, rtol=1e-15, atol=0.0)
    assert 3 * (mean.currents[0].start or 0.0) == pytest.approx(shared.start, rel=1e-15)


def shifted(trains: SpikeTrains, change: Callable[[int, dict[str, Any]], None]) -> SpikeTrains:
    """The same spikes, under currents whose numbers `change` has changed."""
    again = SpikeTrains(trains.times, trains.channels, trains.offsets, n_channels=trains.n_channels, t_end=trains.t_end)
    for k, current in enumerate(trains.currents):
        numbers: dict[str, Any] = {"values": current.values.copy(), "neurons": current.neurons, "samples": current.samples}
        if current.times is None:
            numbers |= {"start": current.start, "interval": current.interval}
        else:
            numbers |= {"times": current.times.copy()}
        change(k, numbers)
        again = again.inject(current.population, numbers.pop("values"), **numbers)
    return again


def quotient(network: Network, trains: SpikeTrains, k: int, name: str, at: tuple[int, ...], h: float) -> float:
    """A central difference of the loss by one number of a current; the order of all spikes is the same at both ends."""

    def changed(by: float) -> SpikeTrains:
        def change(place: int, numbers: dict[str, Any]) -> None:
            if place == k:
                array = np.array(numbers[name])
                array[at] += by
                numbers[name] = array

        return shifted(trains, change)

    ends = [changed(-h), changed(h)]
    runs = [network.run(end) for end in ends]
    for population in network.populations:
        before, after = (run.spikes[population] for run in runs)
        assert np.array_equal(before.offsets, after.offsets) and np.array_equal(before.channels, after.channels)
    below, above = (network.value(end, LOSS).sum() for end in ends)
    return float((above - below) / (2 * h))


def numbers_of(gradient: CurrentGradient) -> dict[str, np.ndarray[Any, Any]]:
    return {name: np.asarray(number) for name, number in vars(gradient).items() if number is not None}


def test_derivatives_are_what_differences_find() -> None:
    network, trains = recurrent(), driven()
    _, gradient = network.value_and_grad(trains, LOSS, reduction="sum")
    for k, of in enumerate(gradient.currents):
        for name, array in numbers_of(of).items():
            # A time moves a loss by 1e3 times as much as a value does, and with the interval so do 40 steps.
            h = 1e-6 if name == "values" else 1e-9
            # What is left out, and some roundings of losses of size 1.
            tolerance = 8 * EPSILON / h
            for at in list(np.ndindex(array.shape))[::3]:
                expected = pytest.approx(quotient(network, trains, k, name, at, h), rel=1e-6, abs=tolerance)
                assert array[at] == expected, (k, name, at)


def test_a_run_goes_back_to_its_currents() -> None:
    network, trains = recurrent(), driven()
    _, expected = network.value_and_grad(trains, LOSS, reduction="sum")
    run = network.run(trains, record=[spikegrad.maximum("out")])
    maxima = run.readouts[0]
    share = np.exp(maxima - maxima.max(1, keepdims=True))
    share /= share.sum(1, keepdims=True)
    share[:, 0] -= 1.0
    for found, of in zip(run.backward(readouts=[share]).currents, expected.currents, strict=True):
        for name, array in numbers_of(of).items():
            # The cotangents differ by roundings, and what they are multiplied with is of the size of the largest.
            assert np.abs(numbers_of(found)[name] - array).max() <= 1e-12 * np.abs(array).max()
    # Of spike times, too: all first spikes of the hidden neurons come earlier with more current.
    earlier = run.backward(first_spikes={"hidden": np.ones((3, 4))}).currents[0]
    assert earlier.values[0] < 0.0


def test_forward_and_second_derivatives_have_directions_of_currents() -> None:
    network, trains = recurrent(), driven()
    rng = np.random.default_rng(3)
    _, gradient = network.value_and_grad(trains, LOSS)
    direction: dict[str, Any] = {"hidden/tau_mem": np.full(4, 1e-3), "input_times": rng.normal(size=trains.times.shape) * 1e-3}
    expected = gradient["hidden/tau_mem"].sum() * 1e-3 + gradient.input_times @ direction["input_times"]
    for k, of in enumerate(gradient.currents):
        for name, array in numbers_of(of).items():
            along = rng.normal(size=array.shape) * (1.0 if name == "values" else 1e-5)
            direction[f"currents/{k}/{name}"] = along
            expected += (along * array).sum()
    assert network.jvp(trains, LOSS, direction) == pytest.approx(expected, rel=1e-10)

    product = network.hvp(trains, LOSS, direction)

    def gradient_at(h: float) -> spikegrad.Gradient:
        def change(k: int, numbers: dict[str, Any]) -> None:
            for name in list(numbers):
                if (along := direction.get(f"currents/{k}/{name}")) is not None:
                    numbers[name] = numbers[name] + h * along

        moved = SpikeTrains(
            trains.times + h * direction["input_times"], trains.channels, trains.offsets, n_channels=3, t_end=trains.t_end
        )
        moved = shifted(moved._with(trains.currents), change)
        other = network.copy()
        other["hidden/tau_mem"] = network["hidden/tau_mem"] + h * 1e-3
        return other.value_and_grad(moved, LOSS)[1]

    h = 1e-5
    before, after = gradient_at(-h), gradient_at(h)
    pairs = [(product.flat, (after.flat - before.flat) / (2 * h))]
    for found, one, other in zip(product.currents, before.currents, after.currents, strict=True):
        for name, array in numbers_of(found).items():
            pairs.append((array, (numbers_of(other)[name] - numbers_of(one)[name]) / (2 * h)))
    for found_array, difference in pairs:
        assert np.abs(found_array - difference).max() <= 1e-5 * np.abs(difference).max()


def test_a_current_over_the_whole_run_is_a_bias() -> None:
    network, trains = recurrent(), stimuli(2)
    biased = network.copy()
    biased["hidden/i_bias"] = network["hidden/i_bias"] + 0.25
    driven = trains.inject("hidden", np.full((4, 1), 0.25), times=[0.0])
    value, gradient = network.value_and_grad(driven, LOSS)
    expected, by_bias = biased.value_and_grad(trains, LOSS)
    assert value == pytest.approx(expected, rel=1e-14)
    found = gradient.currents[0].values[:, 0]
    assert found == pytest.approx(by_bias["hidden/i_bias"], rel=1e-12)
    # And so is one of equal samples, of which each has its part.
    sampled = trains.inject("hidden", np.full(300, 0.25), interval=1e-4)
    value, gradient = network.value_and_grad(sampled, LOSS)
    assert value == pytest.approx(expected, rel=1e-12)
    assert gradient.currents[0].values.sum() == pytest.approx(by_bias["hidden/i_bias"].sum(), rel=1e-10)


def test_samples_have_the_currents_that_are_meant_for_them() -> None:
    network = recurrent()
    trains = stimuli(1)[[0, 0, 0, 0]].inject("hidden", [[[0.5]], [[0.25]]], times=[0.0], samples=[3, 1])
    values = network.value(trains, LOSS)
    plain = network.value(stimuli(1), LOSS)[0]
    for k, size in [(0, None), (1, 0.25), (2, None), (3, 0.5)]:
        one = stimuli(1) if size is None else stimuli(1).inject("hidden", [size], times=[0.0])
        assert values[k] == network.value(one, LOSS)[0]
        assert bool(values[k] == plain) == (size is None)
    # Chosen again, in another order and twice.
    assert network.value(trains[[3, 0, 1, 3]], LOSS).tolist() == values[[3, 0, 1, 3]].tolist()
    assert network.value(trains[1:3], LOSS).tolist() == values[1:3].tolist()
    assert [network.value(one, LOSS)[0] for one in driven()] == network.value(driven(), LOSS).tolist()
    _, of_two = network.value_and_grad(trains[1:3], LOSS)
    assert of_two.currents[0].values.shape == (1, 1, 1)
    _, of_none = network.value_and_grad(trains[[0, 2]], LOSS)
    assert of_none.currents[0].values.shape == (0, 1, 1)


def test_currents_add_up() -> None:
    network, trains = recurrent(), stimuli(2)
    twice = trains.inject("hidden", [0.25, 0.0], times=[0.001, 0.02]).inject("hidden", [0.5, 0.0], times=[0.001, 0.02])
    once = trains.inject("hidden", [0.75, 0.0], times=[0.001, 0.02])
    assert network.value(twice, LOSS).tolist() == network.value(once, LOSS).tolist()
    _, of_twice = network.value_and_grad(twice, LOSS)
    _, of_once = network.value_and_grad(once, LOSS)
    for part in of_twice.currents:
        assert part.values == pytest.approx(of_once.currents[0].values, rel=1e-14)


@pytest.mark.parametrize("model", ["lif", "li", "alif", "lif_delta", "qif", "qif_delta"])
def test_every_model_takes_a_current(model: str) -> None:
    network = Network(1).population("cells", 2, model)
    network.connect("input", "cells", [[1.0], [0.5]])
    trains = SpikeTrains.from_lists([[[0.004]], [[0.001, 0.002]]], t_end=0.1)
    trains = trains.inject("cells", [[3.0, 2.0], [2.0, 1.5]], times=[0.003, 0.05])
    record = [spikegrad.sample("cells", [0.002, 0.03])]
    run = network.run(trains, record=record)
    still = network.run(trains._with(()), record=record)
    assert (run.readouts[0][:, :, 0] == still.readouts[0][:, :, 0]).all()
    assert (run.readouts[0][:, :, 1] != still.readouts[0][:, :, 1]).all()
    gradient = run.backward(readouts=[np.ones((2, 2, 2))])
    assert (gradient.currents[0].values[:, 0] != 0.0).all()
    assert (gradient.currents[0].values[:, 1] == 0.0).all()


def test_trains_with_currents_are_values() -> None:
    trains = driven()
    for twin in (copy.copy(trains), pickle.loads(pickle.dumps(trains)), trains[:]):
        assert twin == trains
        assert recurrent().value(twin, LOSS).tolist() == recurrent().value(trains, LOSS).tolist()
    assert trains != stimuli() and stimuli().currents == ()
    assert trains != driven().inject("out", [1.0], times=[0.0])
    assert "5 currents" in repr(trains)
    with pytest.raises(ValueError, match="read-only"):
        trains.currents[0].values[0] = 1.0
    # One input, two networks: the neurons are those of each.
    network = Network(3).population("first", 1).population("hidden", 4).population("out", 2, "li")
    before = recurrent().value(trains, LOSS)
    assert len(network.run(trains).spikes["hidden"]) == 3
    assert recurrent().value(trains, LOSS).tolist() == before.tolist()


def test_a_long_recording_is_shared_by_a_batch() -> None:
    noise = np.random.default_rng(1).normal(0.3, 0.1, 60_000)
    trains = stimuli(1)[[0] * 40].inject("hidden", noise, interval=5e-7)
    value, gradient = recurrent().value_and_grad(trains, LOSS)
    one, of_one = recurrent().value_and_grad(trains[0], LOSS)
    assert value == pytest.approx(one, rel=1e-14)
    assert gradient.currents[0].values == pytest.approx(of_one.currents[0].values, rel=1e-12, abs=1e-20)


REFUSED: list[tuple[str, str, dict[str, Any]]] = [
    ("population", "must be a name", {"population": 3}),
    ("values", "shape", {"values": 1.0}),
    ("values", "shape", {"values": np.zeros((1, 1, 1, 2))}),
    ("values", "3 samples", {"values": np.zeros((2, 1, 2))}),
    ("values", "2 neurons", {"values": np.zeros((3, 2)), "neurons": [0, 1]}),
    ("values", "finite", {"values": [1.0, np.nan]}),
    ("values", "real numbers", {"values": [1.0, 2j]}),
    ("times", "not both", {"interval": 0.01}),
    ("times", "not both", {"times": None}),
    ("times", "has 1 steps", {"times": [0.01]}),
    ("times", "0 or more", {"times": [-0.01, 0.01]}),
    ("times", "later than", {"times": [0.01, 0.01]}),
    ("times", "finite", {"times": [0.01, np.inf]}),
    ("times", "does not fit", {"times": [[0.01, 0.02]] * 3, "values": np.zeros((2, 2))}),
    ("start", "belongs to interval", {"start": 0.01}),
    ("start", "0 or more", {"times": None, "interval": 0.01, "start": -0.01}),
    ("start", "one number", {"times": None, "interval": 0.01, "start": [0.01]}),
    ("interval", "positive", {"times": None, "interval": 0.0}),
    ("interval", "still shows", {"times": None, "interval": 1e-30, "start": 1.0}),
    ("interval", "positive", {"times": None, "interval": np.nan}),
    ("neurons", "more than once", {"neurons": [1, 1]}),
    ("neurons[0]", "from 0 on", {"neurons": [-1]}),
    ("samples", "3 samples", {"samples": [3]}),
    ("samples", "more than once", {"samples": [0, 0]}),
    ("samples", "whole numbers", {"samples": [0.5]}),
]


@pytest.mark.parametrize(("place", "message", "change"), REFUSED)
def test_what_makes_no_current_is_refused_by_its_argument(place: str, message: str, change: dict[str, Any]) -> None:
    arguments: dict[str, Any] = {"population": "hidden", "values": [0.5, 0.0], "times": [0.01, 0.02], **change}
    with pytest.raises(spikegrad.InputError, match=message) as caught:
        stimuli().inject(**arguments)
    assert caught.value.place == place


@pytest.mark.parametrize(
    ("place", "arguments"),
    [
        ("currents[1].population", {"population": "nobody", "values": [1.0]}),
        ("currents[1].neurons", {"population": "hidden", "values": [1.0], "neurons": [4]}),
        ("currents[1].values", {"population": "hidden", "values": np.ones((3, 1))}),
    ],
)
def test_what_does_not_fit_the_network_is_refused_when_it_is_run(place: str, arguments: dict[str, Any]) -> None:
    network = recurrent()
    trains = stimuli().inject("hidden", [0.1], times=[0.0]).inject(**arguments, times=[0.0])
    calls: list[Callable[[], object]] = [
        lambda: network.run(trains),
        lambda: network.value_and_grad(trains, LOSS),
        lambda: network.hvp(trains, LOSS, {}),
        lambda: network.problem(trains, LOSS),
    ]
    for call in calls:
        with pytest.raises(spikegrad.InputError) as caught:
            call()
        assert caught.value.place == place


@pytest.mark.parametrize("name", ["currents/5/values", "currents/0/times", "currents/1/start", "currents/x/values", "currents/"])
def test_a_direction_names_numbers_that_are_there(name: str) -> None:
    with pytest.raises(spikegrad.InputError, match="no number|numbers of injected currents are"):
        recurrent().jvp(driven(), LOSS, {name: 1.0})


def test_a_direction_has_the_shape_of_its_numbers() -> None:
    with pytest.raises(spikegrad.InputError, match=r"has the shape \(2,\); it must have \(40,\)"):
        recurrent().jvp(driven(), LOSS, {"currents/0/values": [1.0, 2.0]})


def test_a_batch_without_samples_and_currents_into_nobody_are_nothing() -> None:
    network = recurrent()
    assert network.value(driven()[:0], LOSS).shape == (0,)
    nobody = stimuli().inject("hidden", [1.0], times=[0.0], neurons=[]).inject("hidden", [], times=[]).inject("out", [], interval=1.0)
    value, gradient = network.value_and_grad(nobody, LOSS)
    assert value == network.value_and_grad(stimuli(), LOSS)[0]
    assert [of.values.tolist() for of in gradient.currents] == [[0.0], [], []]


def test_modules_and_training_runs_take_no_currents() -> None:
    data = spikegrad.datasets.DataSet(driven(), [0, 1, 0])
    with pytest.raises(spikegrad.InputError, match="inputs has injected currents"):
        data.stated()
    pytest.importorskip("torch")
    from spikegrad.torch import SpikingNetwork

    with pytest.raises(spikegrad.InputError, match="trains has injected currents"):
        SpikingNetwork(recurrent())(driven())


def test_jax_takes_currents_as_constants() -> None:
    jax = pytest.importorskip("jax")
    import spikegrad.jax as sgj

    jax.config.update("jax_enable_x64", True)
    network, trains = recurrent(), driven()
    f, x = sgj.batch_loss_function(network, trains, LOSS)
    value, gradient = jax.jit(jax.value_and_grad(f))(x)
    expected, of_network = network.value_and_grad(trains, LOSS)
    assert float(value) == expected
    assert np.asarray(gradient).tolist() == of_network.flat.tolist()
    along = jax.grad(lambda x: jax.grad(f)(x)[0])(x)
    first = next(iter(network.slots.values()))
    direction = {first.name: np.eye(1, first.size)[0].reshape(first.shape)}
    assert np.asarray(along).tolist() == network.hvp(trains, LOSS, direction).flat.tolist()
