"""Data sets, encoders, the trainer, pictures, and the program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT, recurrent, stimuli

import spikegrad
from spikegrad import Trainer, datasets, encoders

SMALL = {"layers.0.size": 20, "batch_size": 250, "epochs": 3}


def test_yin_yang_is_the_published_data() -> None:
    data = datasets.load("yin-yang")
    assert [len(part) for part in data] == [5000, 1000, 1000]
    assert data.train.inputs[0, :2].tolist() == pytest.approx([0.68030754, 0.45049925], abs=1e-8)
    assert np.asarray(data.train.labels)[:5].tolist() == [2, 1, 2, 1, 1]


def test_a_latency_code_is_its_formula() -> None:
    points = np.array([[0.0, 0.5, 1.0], [0.25, 0.1, 0.9]])
    trains = encoders.latency(t_min=0.001, t_max=0.021, silent_below=0.2, t_bias=0.005)(points, t_end=0.03)
    assert trains.n_channels == 4
    expected = [[[], [0.011], [0.021], [0.005]], [[0.006], [], [0.019], [0.005]]]
    for found, wanted in zip(trains.to_lists(), expected, strict=True):
        assert [len(train) for train in found] == [len(train) for train in wanted]
        assert sum(found, []) == pytest.approx(sum(wanted, []), abs=1e-17)
    pixels = np.array([[[0, 255], [128, 64]]], np.uint8)
    assert len(encoders.latency(silent_below=0.1)(pixels, t_end=0.02).times) == 3
    with pytest.raises(spikegrad.InputError, match=r"inputs\[0\]\[1\] is 1.5"):
        encoders.latency()([[0.0, 1.5]], t_end=0.02)
    with pytest.raises(spikegrad.TrainingError, match="t_max"):
        encoders.latency(t_max=0.05)(points, t_end=0.02)
    same = stimuli(3)
    assert encoders.spikes()(same, t_end=0.03).to_lists() == same.to_lists()


def test_a_run_learns_and_has_a_history() -> None:
    trainer = Trainer("yin-yang", seed=1, settings=SMALL)
    seen: list[int] = []
    assert trainer.fit(callbacks=[lambda trainer, record: seen.append(record["epoch"])]) is None
    assert seen == [1, 2, 3] and trainer.epochs == 3
    history = trainer.history
    assert history["train_loss"].shape == (3,) and history["train_loss"][-1] < history["train_loss"][0]
    losses, classes = trainer.evaluate()
    assert losses.mean() == pytest.approx(history["test_loss"][-1], rel=1e-12)
    right = classes == np.asarray(trainer.test.labels)
    assert right.mean() == history["test_accuracy"][-1] > 0.6


def test_the_network_of_a_run_says_what_the_run_says() -> None:
    trainer = Trainer("yin-yang", settings=SMALL)
    trainer.fit(epochs=1)
    config = trainer.config
    trains = encoders.Encoder(config["encoder"])(trainer.test.inputs, t_end=config["t_end"])
    first = trainer.network.run(trains).first_spikes("output")
    _, classes = trainer.evaluate()
    decided = classes >= 0
    assert np.array_equal(first.argmin(1)[decided], classes[decided])


def test_a_run_in_a_folder_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    straight = Trainer("yin-yang", settings=SMALL, out=tmp_path / "straight")
    result = straight.fit()
    assert result is not None and result["epochs"] == 3
    broken = Trainer("yin-yang", settings=SMALL, out=tmp_path / "broken")
    assert broken.fit(epochs=1) is None
    with pytest.raises(spikegrad.TrainingError, match="another process|works on"):
        Trainer.resume(tmp_path / "broken")
    del broken
    again = Trainer.resume(tmp_path / "broken")
    assert again.epochs == 1 and len(again.history["seconds"]) == 1
    again.fit()
    assert np.array_equal(again.network.flat, straight.network.flat)
    assert (tmp_path / "broken" / "report.html").exists()


def test_a_callback_ends_a_run_and_may_fail() -> None:
    trainer = Trainer("yin-yang", settings=SMALL)
    trainer.fit(callbacks=[lambda trainer, record: True])
    assert trainer.epochs == 1

    def fails(trainer: Trainer, record: dict[str, Any]) -> None:
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        trainer.fit(callbacks=[fails])
    assert trainer.epochs == 2


def test_data_may_be_arrays() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(size=(200, 4))
    part = datasets.DataSet(points, (points[:, 0] > 0.5).astype(int))
    splits = datasets.Splits(part, part, part)
    trainer = Trainer("yin-yang", settings={**SMALL, "batch_size": 20, "epochs": 20}, data=splits)
    trainer.fit()
    history = trainer.history["train_loss"]
    assert trainer.network.size("output") == 2 and history[-1] < 0.9 * history[0]
    with pytest.raises(spikegrad.InputError, match="^out cannot be given with data"):
        Trainer("yin-yang", data=splits, out="nowhere")
    with pytest.raises(spikegrad.InputError, match="label"):
        Trainer("yin-yang", data=splits._replace(train=datasets.DataSet(points, [0])))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"config": "yinyang"}, spikegrad.InputError, "config is 'yinyang'"),
        ({"settings": {"layers.0.sizes": 3}}, spikegrad.TrainingError, "the nearest is `layers.0.size`"),
        ({"settings": {"epochs": 0}}, spikegrad.TrainingError, "epochs"),
        ({"settings": {"epochs": object()}}, spikegrad.TrainingError, "settings cannot be written"),
        ({"config": {"data": {"name": "yin-yang"}}}, spikegrad.TrainingError, "missing"),
        ({"config": "mnist", "settings": {"data.path": "/nowhere"}}, spikegrad.TrainingError, "no data in /nowhere"),
    ],
)
def test_what_cannot_be_trained_is_named(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Trainer(**arguments)


def test_ctrl_c_leaves_a_run_as_it_was_after_its_last_epoch() -> None:
    trainer = Trainer("yin-yang", settings={"epochs": 1000})
    threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        trainer.fit()
    assert trainer.epochs < 1000
    assert trainer.epochs == len(trainer.history.get("seconds", []))
    done = trainer.epochs
    trainer.fit(epochs=1)
    assert trainer.epochs == done + 1


def test_pictures_show_what_they_are_given() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    network, trains = recurrent(), stimuli(2)
    run = network.run(trains)
    raster = spikegrad.plot.raster(run, sample=1)
    drawn = {line.get_label(): line.get_xdata() for line in raster.get_lines()}
    assert np.array_equal(drawn["hidden"], run.spikes["hidden"][1].times * 1e3)
    voltages = spikegrad.plot.voltages(network, trains, "out", neurons=[1], points=11)
    (line,) = voltages.get_lines()
    at = network.run(trains[0], record=[spikegrad.sample("out", np.linspace(0, trains.t_end, 11))])
    assert np.array_equal(line.get_ydata(), at.readouts[0][0, 1])
    curves = spikegrad.plot.learning_curves({"train_loss": [1.0, 0.5], "validation_loss": [np.nan] * 2, "test_loss": [1.1, 0.6]})
    assert [line.get_label() for line in curves.get_lines()] == ["train loss", "test loss"]
    matplotlib.pyplot.close("all")


def program(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "spikegrad", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_the_program_is_the_same_program() -> None:
    path = ROOT / "examples" / "problems" / "two_inputs.json"
    done = program("gradient", str(path), "--quiet")
    assert done.returncode == 0 and done.stderr == ""
    assert json.loads(done.stdout) == spikegrad.Problem.load(path).gradient()
    version = program("--version")
    assert version.stdout.strip() == f"spikegrad {spikegrad.__version__}" and version.returncode == 0
    assert program("gradient", "/nowhere").returncode == 1
    wrong = program("gradeint")
    assert wrong.returncode == 2 and "gradient" in wrong.stderr and wrong.stdout == ""
    grazing = program("gradient", str(ROOT / "examples" / "problems" / "grazing.json"))
    assert grazing.returncode == 4 and grazing.stdout == ""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_the_program_ends_on_ctrl_c(tmp_path: Path) -> None:
    arguments = ["train", "yin-yang", "--epochs", "1000", "--out", str(tmp_path / "run"), "--quiet"]
    process = subprocess.Popen([sys.executable, "-m", "spikegrad", *arguments], stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    metrics = tmp_path / "run" / "metrics.jsonl"
    while process.poll() is None and not (metrics.exists() and metrics.stat().st_size):
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130 and b"--resume" in said
