"""Problem files: numbers in the order of the file, and derivatives that differences confirm."""

from __future__ import annotations

import json
import pickle
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import PROBLEMS, ROOT, recurrent, stimuli

import spikegrad
from spikegrad import Problem, losses

CASES = sorted((ROOT / "tests" / "cases").glob("**/*.json"))


def document() -> dict[str, Any]:
    loss = losses.max_voltage_cross_entropy("out", 1)
    return recurrent().problem(stimuli(1), loss).to_dict()


def walk(value: Any, path: str = "") -> list[tuple[str, float]]:
    """Every number of a document with its path, in order."""
    if isinstance(value, dict):
        return [found for key, part in value.items() for found in walk(part, f"{path}/{key}")]
    if isinstance(value, list):
        return [found for k, part in enumerate(value) for found in walk(part, f"{path}/{k}")]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return [(path[1:], float(value))]
    return []


def derivative(answer: dict[str, Any], path: str) -> float:
    """What the answer document has in the place of a number."""
    found: Any = answer["gradient"]
    parts = path.split("/")
    if parts[:2] == ["stimulus", "spikes"]:
        parts = parts[:-1]
    for part in parts:
        found = found[int(part)] if isinstance(found, list) else found[part]
    assert isinstance(found, float)
    return found


@pytest.mark.parametrize("path", PROBLEMS, ids=lambda path: path.stem)
def test_numbers_stand_in_the_order_of_the_file(path: Path) -> None:
    problem = Problem.load(path)
    everything = dict(walk(json.loads(path.read_text())))
    assert problem.numbers().tolist() == [everything[at] for at in problem.paths]
    positions = {at: k for k, at in enumerate(everything)}
    assert [positions[at] for at in problem.paths] == sorted(positions[at] for at in problem.paths)
    answer = problem.gradient()
    value, gradient = problem.value_and_grad(problem.numbers())
    assert value == answer["loss"]
    assert gradient.tolist() == [derivative(answer, at) for at in problem.paths]
    assert len(walk(answer["gradient"])) == len(problem.paths)


def test_the_order_is_that_of_the_text_whatever_its_keys() -> None:
    turned = document()
    turned = {"stimulus": turned["stimulus"], **turned}
    connection = turned["network"]["connections"][0]
    turned["network"]["connections"][0] = {"delay": connection.pop("delay"), **connection}
    problem = Problem.from_json(json.dumps(turned))
    assert problem.paths[0] == "stimulus/spikes/0/1"
    paths = [at for at in problem.paths if at.startswith("network/connections/0")]
    assert paths[0] == "network/connections/0/delay/0/0" and paths[-1] == "network/connections/0/weights/3/2"
    straight = Problem.from_json(document())
    ours = dict(zip(problem.paths, problem.value_and_grad(problem.numbers())[1], strict=True))
    theirs = dict(zip(straight.paths, straight.value_and_grad(straight.numbers())[1], strict=True))
    assert ours == theirs


# Central differences at a relative step h are wrong by about h² of the third derivative, times that of the number's scale over its distance to the
# scale of the problem (5 ms), and by 1e-16/h of the value: near 1e-7 at h = 1e-6 where neither is unusual; ten times that is allowed.
DIFFERENCE = 1e-6


def test_first_and_second_derivatives_are_those_that_differences_find() -> None:
    problem = Problem.from_json(document())
    x = problem.numbers()
    rng = np.random.default_rng(0)
    _, gradient = problem.value_and_grad(x)
    for _ in range(3):
        v = rng.standard_normal(len(x)) * np.maximum(np.abs(x), 1e-3)
        h = 1e-6
        difference = (problem.value(x + h * v) - problem.value(x - h * v)) / (2 * h)
        assert abs(problem.jvp(x, v) - gradient @ v) <= 1e-11 * np.abs(gradient * v).sum()
        assert abs(difference - gradient @ v) <= DIFFERENCE * np.abs(gradient * v).sum()
        change = problem.value_and_grad(x + h * v)[1] - problem.value_and_grad(x - h * v)[1]
        product = problem.hvp(x, v)
        assert np.abs(change / (2 * h) - product).max() <= 10 * DIFFERENCE * np.abs(product).max()


def test_with_respect_to_narrows_what_is_differentiated() -> None:
    problem = Problem.from_json(document())
    every = dict(zip(problem.paths, problem.value_and_grad(problem.numbers())[1], strict=True))
    for kinds in [("weights",), ("delays", "input_times"), ("tau_mem", "v_th"), "params", "time_constants", "initial"]:
        narrow = Problem.from_json(document(), with_respect_to=kinds)
        assert 0 < len(narrow.paths) < len(problem.paths)
        assert narrow.paths == problem.paths_of(kinds)
        assert np.array_equal(narrow.numbers(), problem.numbers(with_respect_to=kinds))
        value, gradient = narrow.value_and_grad(narrow.numbers())
        # The rest of the way back is the same, and so are the bits.
        assert gradient.tolist() == [every[at] for at in narrow.paths]
        assert problem.value_and_grad(narrow.numbers(), with_respect_to=kinds)[0] == value
    one = Problem.from_json(document(), with_respect_to="network/connections/0")
    assert len(one.paths) == 24
    with pytest.raises(spikegrad.InputError, match="with_respect_to names \"weight\""):
        Problem.from_json(document(), with_respect_to="weight")


def test_currents_and_receptors_are_numbers_too() -> None:
    problem = Problem.from_json(
        {
            "format": "spikegrad-problem",
            "version": 1,
            "network": {
                "inputs": 1,
                "populations": [
                    {
                        "name": "out",
                        "size": 2,
                        "model": "lif",
                        "receptors": [{"name": "a", "tau_syn": 0.002}, {"name": "b", "tau_syn": [0.008, 0.009]}],
                        "initial": {"i": [0.1, [0.2, 0.3]], "v": 0.0},
                    }
                ],
                "connections": [
                    {"from": "input", "to": "out", "receptor": "b", "weights": [5, 6], "weight_of": [0, 1], "delay": 0.001}
                ],
            },
            "stimulus": {
                "t_end": 0.05,
                "spikes": [[0, 0.002]],
                "currents": [
                    {"to": "out", "times": [0.01, 0.02], "values": [1.5, 0.0]},
                    {"to": "out", "neurons": [1], "start": 0.001, "interval": 0.002, "values": [0.3, 0.1, 0.2]},
                ],
            },
            "loss": {"type": "spike_time_mse", "population": "out", "targets": [[0.004], [0.005]]},
        }
    )
    everything = dict(walk(problem.to_dict()))
    assert problem.numbers().tolist() == [everything[at] for at in problem.paths]
    assert len(problem.paths) == 3 + 4 + 2 + 1 + 1 + 4 + 5
    answer = problem.gradient()
    value, gradient = problem.value_and_grad(problem.numbers())
    by_hand = {at: derivative(answer, at) for at in problem.paths if "receptors" in at or "weights" in at}
    assert by_hand and all(by_hand[at] == gradient[problem.paths.index(at)] for at in by_hand)
    x, h = problem.numbers(), 1e-7
    for k, at in enumerate(problem.paths):
        step = np.zeros_like(x)
        step[k] = h * max(abs(x[k]), 1e-3)
        difference = (problem.value(x + step) - problem.value(x - step)) / (2 * step[k])
        # Values are known to 1e-16 of 1e-5, and differences of 1e-10 of them to 1e-11/h.
        assert abs(difference - gradient[k]) <= 1e-5 * abs(gradient[k]) + 1e-9 * abs(value) / abs(step[k]), at


def test_a_problem_without_a_loss_can_be_run_and_says_what_is_missing() -> None:
    bare = document()
    del bare["loss"]
    problem = Problem.from_json(bare)
    assert problem.simulate()["spikes"]["hidden"]
    assert len(problem.numbers()) == len(problem.paths)
    for ask in (problem.gradient, lambda: problem.value_and_grad(problem.numbers())):
        with pytest.raises(spikegrad.ProblemError, match="^loss is missing") as caught:
            ask()
        assert caught.value.place == "loss"


def test_threads_do_not_disturb_each_other() -> None:
    problem = Problem.from_json(document())
    x = problem.numbers()
    points = [x * (1 + 1e-3 * k) for k in range(8)]
    expected = [problem.value_and_grad(point) for point in points]
    wrong: list[int] = []

    def ask(k: int) -> None:
        for _ in range(20):
            value, gradient = problem.value_and_grad(points[k])
            if value != expected[k][0] or not np.array_equal(gradient, expected[k][1]):
                wrong.append(k)

    threads = [threading.Thread(target=ask, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_problem_survives_pickling_and_reads_what_it_writes() -> None:
    problem = Problem.from_json(document(), with_respect_to="weights", grazing="zero")
    for again in (pickle.loads(pickle.dumps(problem)), Problem.from_json(problem.to_json(), with_respect_to="weights")):
        assert again.paths == problem.paths
        assert np.array_equal(again.value_and_grad(again.numbers())[1], problem.value_and_grad(problem.numbers())[1])


def test_other_dtypes_are_converted_or_refused_by_name() -> None:
    problem = Problem.from_json(document(), with_respect_to="weights")
    x = np.round(problem.numbers())
    expected = problem.value_and_grad(x)[1]
    for same in (x.astype(np.float32), x.astype(np.int64), x.tolist(), np.repeat(x, 2)[::2], x.astype(">f8")):
        assert np.array_equal(problem.value_and_grad(same)[1], expected)
    for bad in (x.astype(complex), np.array(["a"] * len(x)), np.array([None] * len(x)), object()):
        with pytest.raises(spikegrad.DtypeError, match="^x "):
            problem.value_and_grad(bad)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda d: d["network"]["connections"][1]["weights"][1].__setitem__(0, "x"), "network.connections[1].weights"),
        (lambda d: d["network"]["populations"][0]["params"].__setitem__("tau_mem", -1.0), "network.populations[0].params.tau_mem"),
        (lambda d: d["stimulus"]["spikes"][0].__setitem__(1, -1.0), "stimulus.spikes[0][1]"),
        (lambda d: d["network"].__setitem__("colour", 1), "network.colour"),
    ],
)
def test_what_is_not_valid_is_refused_with_its_place(change: Any, place: str) -> None:
    bad = document()
    change(bad)
    with pytest.raises(spikegrad.ProblemError) as caught:
        Problem.from_json(bad)
    assert isinstance(caught.value, ValueError)
    assert caught.value.place is not None and caught.value.place.startswith(place)


def test_a_grazing_spike_is_an_error_unless_a_policy_is_named() -> None:
    path = ROOT / "examples" / "problems" / "grazing.json"
    with pytest.raises(spikegrad.GradientError, match="grazes its threshold") as caught:
        Problem.load(path).gradient()
    assert caught.value.place == "out[0]"
    assert Problem.load(path, grazing="zero").gradient()["certificate"]["inexact"] == 1
    assert Problem.load(path, grazing=10.0).gradient()["certificate"]["inexact"] == 1
    with pytest.raises(spikegrad.InputError, match="^grazing is 'maybe'"):
        Problem.load(path, grazing="maybe")
    with pytest.raises(spikegrad.SimulationError, match="reached 1 events"):
        Problem.load(ROOT / "examples" / "problems" / "recurrent.json", max_events=1).simulate()
