"""Training runs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from . import _core, datasets
from ._errors import InputError, TrainingError
from ._network import Network
from ._types import Array, Indices

Callback = Callable[["Trainer", dict[str, Any]], object]


class Trainer:
    """A training run: a network, data, an optimiser, and the epochs that are completed.

    >>> trainer = Trainer("yin-yang", seed=1, settings={"layers.0.size": 60}, out="runs/sixty")
    >>> trainer.fit(epochs=20)
    >>> trainer.history["test_accuracy"][-1]

    `config` is the name of a built-in configuration (yin-yang, mnist, fashion-mnist, n-mnist, randman, spike-trains), or a
    configuration as a dict. `settings` replaces single ones, by their keys. `out` is a folder of the run, which the
    program `spikegrad` reads as well, and `Trainer.resume` goes on with. `data` takes the place of the configuration's data; such a
    run has no folder.

    The same configuration gives the same bits on any number of threads, interrupted or not.

    Raises `InputError` for a configuration that there is not, and `TrainingError` for a setting that cannot be, with its key, and for data that are
    missing.
    """

    def __init__(
        self,
        config: str | Mapping[str, Any] = "yin-yang",
        *,
        seed: int | None = None,
        settings: Mapping[str, Any] | None = None,
        out: str | os.PathLike[str] | None = None,
        data: datasets.Splits | None = None,
    ) -> None:
        if isinstance(config, str):
            if config not in _core.Training.built_in():
                known = ", ".join(_core.Training.built_in())
                raise InputError(f"config is {config!r}; it must be a dict, or one of {known}", "config")
            text = config
        else:
            text = json.dumps(config)
        if data is not None and out is not None:
            raise InputError(
                "out cannot be given with data: a folder says where its data are; write them as spike-trains files", "out"
            )
        parts = None if data is None else (data.train.stated(), data.validation.stated(), data.test.stated())
        folder = None if out is None else os.fspath(out)
        self._training = _core.Training(text, _changes(settings, seed), folder, parts)

    @classmethod
    def resume(cls, out: str | os.PathLike[str], *, settings: Mapping[str, Any] | None = None) -> Trainer:
        """Go on with the run in a folder, from its last completed epoch, to the same bits as if it had not been interrupted.

        `settings` may change what changes no number of a completed epoch, such as `{"epochs": 100}`. Raises `TrainingError` where there is no run, and
        while another process or trainer works on it.
        """
        trainer = cls.__new__(cls)
        trainer._training = _core.Training.resume(os.fspath(out), _changes(settings, None))
        return trainer

    def fit(self, epochs: int | None = None, *, callbacks: Sequence[Callback] = ()) -> dict[str, Any] | None:
        """Train to the last epoch of the configuration, or for at most `epochs` more; return the result of a run with a folder that has come to its end.

        After each epoch every callback is called with the trainer and the record of the epoch; one that returns True ends the run there. Ctrl-C
        raises KeyboardInterrupt within a batch, and leaves the run as it was after its last completed epoch.
        """
        left = np.inf if epochs is None else epochs
        while left > 0 and not self._training.is_over():
            record: dict[str, Any] = json.loads(self._training.epoch())
            left -= 1
            if any([callback(self, record) is True for callback in callbacks]):
                return None
        if not self._training.is_over():
            return None
        result = self._training.finish()
        return None if result is None else json.loads(result)

    @property
    def epochs(self) -> int:
        """The number of completed epochs."""
        return self._training.completed()

    @property
    def config(self) -> dict[str, Any]:
        """Every number that the run depends on, as a dict with the keys of a training configuration."""
        config: dict[str, Any] = json.loads(self._training.config())
        return config

    @property
    def history(self) -> dict[str, Array]:
        """The records of the completed epochs: a float64 array of shape (epochs,) for each quantity.

        There are train_loss, test_accuracy, smallest_slope (per second), gradient_norm, seconds and so on; NaN where there was none.
        """
        records: list[dict[str, Any]] = json.loads(self._training.history())
        names = [name for name in (records[0] if records else {}) if name not in ("warnings", "inexact")]
        return {
            name: np.array([np.nan if record[name] is None else record[name] for record in records], np.float64)
            for name in names
        }

    @property
    def warnings(self) -> list[str]:
        """What a user should know of the epochs, in sentences."""
        records: list[dict[str, Any]] = json.loads(self._training.history())
        return list(dict.fromkeys(warning for record in records for warning in record.get("warnings", [])))

    @property
    def network(self) -> Network:
        """The network as trained so far: a copy."""
        return Network.from_dict(json.loads(self._training.network())["network"])

    @property
    def test(self) -> datasets.DataSet:
        """The test data."""
        return datasets.of(self._training.test())

    def evaluate(self) -> tuple[Array, Indices]:
        """The loss of each test sample, and the class that it is taken for: float64 and int64, shape (samples,).

        The class is −1 where outputs are silent or tied.
        """
        return self._training.evaluate()

    def __repr__(self) -> str:
        config = self.config
        return f"Trainer({config['data']['name']}, seed {config['seed']}, {self.epochs} of {config['epochs']} epochs)"


def _changes(settings: Mapping[str, Any] | None, seed: int | None) -> list[tuple[str, str]]:
    changes = {} if settings is None else dict(settings)
    if seed is not None:
        changes["seed"] = seed
    try:
        return [(key, json.dumps(value)) for key, value in changes.items()]
    except (TypeError, ValueError) as error:
        raise TrainingError(f"settings cannot be written as JSON: {error}", "settings") from error
