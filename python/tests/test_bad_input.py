"""Whatever comes from Python: an answer or an exception of ours, never a panic, never a hang."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from conftest import recurrent, stimuli
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import spikegrad
from spikegrad import Network, Problem, SpikeTrains, losses

OURS = (spikegrad.SpikegradError,)
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))

numbers = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([0.0, -0.0, 1e-320, 1e308, -1e308, 1e-3, 0.02, 1.0]),
    st.integers(-(2**70), 2**70),
)
anything = st.recursive(
    st.one_of(numbers, st.none(), st.booleans(), st.text(max_size=5), st.complex_numbers()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
LOSS = losses.max_voltage_cross_entropy("out", 0)
PROBLEM = recurrent().problem(stimuli(1), LOSS)


@QUICK
@given(st.lists(numbers, min_size=len(PROBLEM.paths), max_size=len(PROBLEM.paths)))
def test_numbers_of_a_problem(x: list[Any]) -> None:
    try:
        value, gradient = PROBLEM.value_and_grad(x)
    except OURS:
        return
    assert np.isfinite(value) and np.isfinite(gradient).all()


@QUICK
@given(anything, anything)
def test_arguments_that_are_no_arrays(x: Any, v: Any) -> None:
    for call in (PROBLEM.value, PROBLEM.value_and_grad, lambda x: PROBLEM.jvp(x, v), lambda x: PROBLEM.hvp(x, v)):
        try:
            call(x)
        except OURS:
            continue


@QUICK
@given(st.lists(st.tuples(st.integers(0, 40), numbers), min_size=1, max_size=3))
def test_values_of_a_problem_near_its_own(changes: list[tuple[int, Any]]) -> None:
    x = PROBLEM.numbers().tolist()
    for at, number in changes:
        x[at % len(x)] = number
    for call in (PROBLEM.value_and_grad, lambda x: PROBLEM.hvp(x, np.ones(len(x)))):
        try:
            call(x)
        except OURS:
            continue


@QUICK
@given(st.text() | st.binary() | anything)
@example("[" * 100_000)
@example('{"format": "spikegrad-problem", "version": 1, "network": ' + "{" * 1000)
def test_documents(document: Any) -> None:
    try:
        Problem.from_json(document)
    except OURS:
        pass


@QUICK
@given(st.data())
def test_documents_with_a_part_that_is_anything(data: st.DataObject) -> None:
    document = json.loads(PROBLEM.to_json())
    place: Any = document
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        inner = place[key]
        if not isinstance(inner, (dict, list)) or not inner or data.draw(st.booleans()):
            break
        place = inner
    place[key] = data.draw(anything)
    try:
        problem = Problem.from_json(document, max_events=10_000)
        problem.gradient()
        Network.from_problem(problem).run(stimuli(1), max_events=10_000)
    except OURS:
        pass


@QUICK
@given(anything, anything, anything, st.integers(-2, 5) | anything, numbers)
def test_spike_trains(times: Any, channels: Any, offsets: Any, n_channels: Any, t_end: Any) -> None:
    for make in (
        lambda: SpikeTrains(times, channels, offsets, n_channels=n_channels, t_end=t_end),
        lambda: SpikeTrains.from_events([(channels, times)], n_channels=n_channels, t_end=t_end),
        lambda: SpikeTrains.from_raster(times, dt=t_end),
    ):
        try:
            make()
        except OURS:
            continue


@QUICK
@given(st.sampled_from(["lif", "li", "alif", "lif_delta", "qif", "qif_delta"]), st.dictionaries(st.sampled_from(["tau_mem", "tau_syn", "v_th", "v_reset", "i_bias", "t_ref"]), numbers, max_size=3), anything, anything)
def test_networks(model: str, params: dict[str, Any], weights: Any, delay: Any) -> None:
    network = Network(2)
    try:
        network.population("out", 2, model, **params)
    except OURS:
        network.population("out", 2, model)
    for keys in ({}, {"pre": weights, "post": delay}, {"weight_of": delay}):
        try:
            network.connect("input", "out", weights, delay=delay, **keys)
        except OURS:
            continue
    trains = SpikeTrains.from_lists([[[0.001], [0.002]]], t_end=0.01)
    try:
        run = network.run(trains, record=[spikegrad.sample("out", [0.005])], max_events=10_000)
        run.backward(readouts=[np.ones((1, 2, 1))])
    except OURS:
        pass


@QUICK
@given(anything, anything, anything, anything, anything, anything)
def test_currents(values: Any, times: Any, interval: Any, start: Any, neurons: Any, samples: Any) -> None:
    steps, at = [0.5, 0.0], [0.001, 0.02]
    for currents in (
        {"values": values, "times": times, "start": start},
        {"values": values, "interval": interval, "start": start, "neurons": neurons},
        {"values": values, "times": at, "samples": samples},
        {"values": steps, "times": times, "neurons": neurons},
        {"values": steps, "interval": interval, "start": start},
    ):
        try:
            trains = stimuli(2).inject("hidden", **currents)
            recurrent().value_and_grad(trains, LOSS, max_events=10_000)
            recurrent().jvp(trains, LOSS, {"currents/0/values": samples}, max_events=10_000)
        except OURS:
            continue


@QUICK
@given(anything, anything)
def test_cotangents_and_directions(a: Any, b: Any) -> None:
    network, trains = recurrent(), stimuli(2)
    run = network.run(trains, record=[spikegrad.maximum("out")])
    for call in (
        lambda: run.backward({"hidden": a}, readouts=[b]),
        lambda: run.backward(first_spikes={"hidden": a}),
        lambda: network.jvp(trains, LOSS, {"input_times": a, "hidden/tau_mem": b}),
        lambda: network.__setitem__("hidden/tau_mem", a),
        lambda: network.value(trains, losses.max_voltage_cross_entropy("out"), labels=a),
        lambda: network.run(trains, grazing=a) if isinstance(a, (int, float, str)) else None,
    ):
        try:
            call()
        except OURS:
            continue
