"""Data sets that the trainer knows: `datasets.load("yin-yang").train.inputs`."""

import json
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from . import _core
from ._errors import InputError
from ._spikes import SpikeTrains
from ._types import ArrayLike, Indices
from .encoders import Encoder, _trains

__all__ = ["DataSet", "Splits", "load"]


@dataclass(frozen=True, eq=False)
class DataSet:
    """Samples with labels.

    Attributes:
        inputs: points in [0, 1], shape (samples, values); images of uint8, (samples, rows, columns); or `SpikeTrains`
        labels: the class of each sample: int64, shape (samples,); none at all, if there are targets
        classes: names of the classes; None for "0", "1" and so on
        targets: the spike trains that outputs are to have, or None
    """

    inputs: Any
    labels: ArrayLike
    classes: list[str] | None = None
    targets: SpikeTrains | None = None

    def __len__(self) -> int:
        """The number of samples."""
        return len(self.inputs)

    def encode(self, encoder: Encoder, *, t_end: float) -> SpikeTrains:
        """The samples as input spikes of a run of `t_end` seconds."""
        return encoder(self.inputs, t_end=t_end)

    def stated(self) -> _core.DataSet:
        """The data set as the trainer has it."""
        labels = np.asarray(self.labels)
        classes = self.classes
        if classes is None:
            classes = [str(k) for k in range(int(labels.max(initial=-1)) + 1)]
        for name in ("inputs", "targets"):
            trains = getattr(self, name)
            if isinstance(trains, SpikeTrains) and trains.currents:
                raise InputError(f"{name} has injected currents, which a training run does not take", name)
        inputs = self.inputs if isinstance(self.inputs, SpikeTrains) else np.asarray(self.inputs)
        return _core.DataSet(inputs, labels, classes, self.targets)


class Splits(NamedTuple):
    """The three parts of a data set.

    Attributes:
        train: what is trained on
        validation: what settings are chosen by; it may be empty
        test: what nothing is chosen by
    """

    train: DataSet
    validation: DataSet
    test: DataSet


def load(name: str, **settings: Any) -> Splits:
    """Read, or make, the data set of this name: yin-yang, mnist, fashion-mnist, n-mnist, randman, spike-trains; shd and ssc in a build with HDF5.

    `settings` are those of a training configuration under `data`: `path`, `validation`, `limit`; for randman `classes`, `units` and so
    on. Raises `TrainingError` where files are missing, with where to get them.
    """
    parts = _core.load_data(json.dumps({"name": name, **settings}))
    return Splits(*(of(part) for part in parts))


def of(part: _core.DataSet) -> DataSet:
    """A part of a data set, in arrays."""
    inputs: Any = part.inputs()
    if isinstance(inputs, tuple):
        inputs = _trains(inputs, _end(inputs))
    flat = part.targets()
    targets = None if flat is None else _trains(flat, _end(flat))
    labels: Indices = part.labels.astype(np.int64)
    return DataSet(inputs, labels, part.classes, targets)


def _end(flat: Any) -> float:
    """Spike trains of a file do not say when they end."""
    return float(flat[2].max(initial=0.0))
