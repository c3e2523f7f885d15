"""NIR files go in and out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import spikegrad
from conftest import stimuli


def small() -> spikegrad.Network:
    rng = np.random.default_rng(0)
    network = spikegrad.Network(3)
    network.population("hidden", 4, tau_mem=0.02, tau_syn=0.005)
    network.population("out", 2, model="li", tau_mem=0.015)
    network.connect("input", "hidden", rng.uniform(4.0, 9.0, (4, 3)), delay=0.001)
    network.connect("hidden", "out", rng.uniform(0.5, 1.5, (2, 4)))
    return network


@pytest.mark.parametrize("step", [None, 1e-4])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_network_comes_back(tmp_path: Path, step: float | None) -> None:
    network, trains = small(), stimuli()
    path = tmp_path / "net.nir"
    spikegrad.nir.write(network, path, convention="continuous" if step is None else "discrete", dt=step)
    found, expected = spikegrad.nir.read(path).run(trains), network.run(trains)
    assert np.array_equal(found.counts("hidden"), expected.counts("hidden"))
    # Weights are multiplied by a factor and divided by it: some roundings.
    assert np.allclose(found.spikes["hidden"].times, expected.spikes["hidden"].times, rtol=0, atol=1e-13)


def test_what_cannot_be_written_or_read_is_said_with_its_place(tmp_path: Path) -> None:
    network = spikegrad.Network(1)
    network.population("smooth", 1, model="qif")
    with pytest.raises(spikegrad.NirError, match="smooth") as caught:
        spikegrad.nir.write(network, tmp_path / "net.nir")
    assert caught.value.place == "smooth"
    assert not (tmp_path / "net.nir").exists()
    with pytest.raises(spikegrad.NirError):
        spikegrad.nir.read(tmp_path / "none.nir")
    with pytest.raises(spikegrad.InputError, match="dt"):
        spikegrad.nir.write(small(), tmp_path / "net.nir", convention="discrete")
