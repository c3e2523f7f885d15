"""Losses: values of what happened, whose derivatives the library knows.

A loss names the population that it reads. It is stated once, and used with `Network.value_and_grad`; losses add up, and can be
weighted: `losses.max_voltage_cross_entropy("out") + 1e-3 * losses.rate_regulariser("hidden", upper=50.0)`. A `label` that is left
out is given for each sample, as `labels`. Times are in seconds.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from . import _core
from ._errors import InputError
from ._types import ArrayLike

__all__ = [
    "Loss",
    "max_voltage_cross_entropy",
    "mean_voltage_cross_entropy",
    "rate_regulariser",
    "relative_spike_time",
    "shaped_voltage_cross_entropy",
    "spike_time_mse",
    "ttfs_cross_entropy",
    "van_rossum",
    "voltage_mse",
    "voltage_regulariser",
]

_LABELLED = {
    "ttfs_cross_entropy",
    "relative_spike_time",
    "max_voltage_cross_entropy",
    "mean_voltage_cross_entropy",
    "shaped_voltage_cross_entropy",
}


class Loss:
    """A loss of the problem file: `document` is how it stands there. The functions of this module make them."""

    __slots__ = ("_core", "_of_labels", "document")

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self._core: _core.Loss | None = None
        self._of_labels: dict[int, Loss] = {}

    @property
    def needs_label(self) -> bool:
        """Whether a label is missing, which is to be given for each sample."""
        if self.document.get("type") == "sum":
            return any(Loss(term["loss"]).needs_label for term in self.document["terms"])
        return self.document.get("type") in _LABELLED and "label" not in self.document

    def with_label(self, label: int) -> Loss:
        """The loss of a sample with this label, wherever one is missing."""
        label = int(label)
        found = self._of_labels.get(label)
        if found is None:
            found = self._of_labels[label] = Loss(_labelled(self.document, label))
        return found

    def stated(self) -> _core.Loss:
        """The loss as the library has it."""
        if self._core is None:
            if self.needs_label:
                raise InputError(f"the {self.document['type']} loss has no label; give labels, one for each sample", "labels")
            self._core = _core.Loss(json.dumps(self.document))
        return self._core

    def __add__(self, other: Loss) -> Loss:
        return Loss({"type": "sum", "terms": _terms(self) + _terms(other)})

    def __mul__(self, weight: float) -> Loss:
        terms = [{"weight": weight * term["weight"], "loss": term["loss"]} for term in _terms(self)]
        return Loss({"type": "sum", "terms": terms})

    __rmul__ = __mul__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Loss) and self.document == other.document

    def __hash__(self) -> int:
        return hash(json.dumps(self.document, sort_keys=True))

    def __reduce__(self) -> tuple[type[Loss], tuple[dict[str, Any]]]:
        return Loss, (self.document,)

    def __repr__(self) -> str:
        return f"Loss({self.document})"


def _terms(loss: Loss) -> list[dict[str, Any]]:
    if loss.document["type"] == "sum":
        terms: list[dict[str, Any]] = loss.document["terms"]
        return terms
    return [{"weight": 1.0, "loss": loss.document}]


def _labelled(document: dict[str, Any], label: int) -> dict[str, Any]:
    if document["type"] == "sum":
        terms = document["terms"]
        return {**document, "terms": [{**term, "loss": _labelled(term["loss"], label)} for term in terms]}
    return {**document, "label": label} if document["type"] in _LABELLED and "label" not in document else document


def _loss(kind: str, population: str, **keys: Any) -> Loss:
    given = {key: value for key, value in keys.items() if value is not None}
    return Loss({"type": kind, "population": population, **given})


def ttfs_cross_entropy(
    population: str,
    label: int | None = None,
    *,
    tau0: float,
    tau1: float | None = None,
    alpha: float | None = None,
    pseudospikes: bool | None = None,
) -> Loss:
    """−log softmax of −t/`tau0` at the label, plus `alpha` (e^(t_label/`tau1`) − 1), of first spikes."""
    return _loss(
        "ttfs_cross_entropy",
        population,
        label=label,
        tau0=tau0,
        tau1=tau1,
        alpha=alpha,
        pseudospikes=pseudospikes,
    )


def relative_spike_time(population: str, label: int | None = None, *, margin: float) -> Loss:
    """½ Σ (t − t_label − `margin`)² over the first spikes of the other neurons."""
    return _loss("relative_spike_time", population, label=label, margin=margin)


def _times(targets: Any) -> list[list[float]]:
    return [np.asarray(_core.floats("targets", train)).reshape(-1).tolist() for train in targets]


def spike_time_mse(population: str, targets: Any, *, pseudospikes: bool | None = None) -> Loss:
    """½ Σ (t − target)², the n-th spike of each neuron against the n-th of its `targets`, which are a list for each neuron."""
    return _loss("spike_time_mse", population, targets=_times(targets), pseudospikes=pseudospikes)


def van_rossum(population: str, targets: Any, *, tau: float) -> Loss:
    """Σ (1/`tau`) ∫ (f − g)² dt; f and g are spikes and targets, each followed by e^(−t/`tau`)."""
    return _loss("van_rossum", population, targets=_times(targets), tau=tau)


def max_voltage_cross_entropy(population: str, label: int | None = None) -> Loss:
    """−log softmax of the maxima of V at the label."""
    return _loss("max_voltage_cross_entropy", population, label=label)


def mean_voltage_cross_entropy(population: str, label: int | None = None) -> Loss:
    """−log softmax of the time averages of V at the label."""
    return _loss("mean_voltage_cross_entropy", population, label=label)


def shaped_voltage_cross_entropy(
    population: str, label: int | None = None, *, tau: float, scale: float | None = None
) -> Loss:
    """−log softmax of the time averages of e^(−t/`tau`) V, divided by `scale`, at the label."""
    return _loss("shaped_voltage_cross_entropy", population, label=label, tau=tau, scale=scale)


def voltage_mse(population: str, neurons: ArrayLike, times: ArrayLike, targets: ArrayLike) -> Loss:
    """½ Σ (V(time) − target)²; three arrays with an entry for each sample of a potential."""
    columns = np.broadcast_arrays(np.asarray(neurons), _core.floats("times", times), _core.floats("targets", targets))
    rows = zip(*(column.reshape(-1).tolist() for column in columns), strict=True)
    return _loss("voltage_mse", population, samples=[list(row) for row in rows])


def rate_regulariser(
    population: str, *, lower: float | None = None, upper: float | None = None, tau: float | None = None
) -> Loss:
    """½ Σ of the squares of what rates, per second, lack to `lower` or have above `upper`."""
    return _loss("rate_regulariser", population, lower=lower, upper=upper, tau=tau)


def voltage_regulariser(
    population: str, *, measure: str, lower: float | None = None, upper: float | None = None
) -> Loss:
    """½ Σ of the squares of what a `measure` of V, "maximum" or "mean", lacks to `lower` or has above `upper`."""
    return _loss("voltage_regulariser", population, measure=measure, lower=lower, upper=upper)
