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
    """A loss, made by the functions of this module. Losses add up, and can be multiplied by numbers.

    Attributes:
        document: how it stands in a problem file
    """

    __slots__ = ("_core", "_of_labels", "document")

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self._core: _core.Loss | None = None
        self._of_labels: dict[int, Loss] = {}

    @property
    def needs_label(self) -> bool:
        """Whether a label is missing, and is to be given for each sample."""
        if self.document.get("type") == "sum":
            return any(Loss(term["loss"]).needs_label for term in self.document["terms"])
        return self.document.get("type") in _LABELLED and "label" not in self.document

    def with_label(self, label: int) -> Loss:
        """The loss of a sample of class `label`, counted from 0, with it wherever a label is missing."""
        label = int(label)
        found = self._of_labels.get(label)
        if found is None:
            found = self._of_labels[label] = Loss(_labelled(self.document, label))
        return found

    def stated(self) -> _core.Loss:
        """The loss as the compiled part has it. Raises `InputError` while a label is missing, and `ProblemError` for a value that cannot be."""
        if self._core is None:
            if self.needs_label:
                raise InputError(f"the {self.document['type']} loss has no label; give labels, one for each sample", "labels")
            self._core = _core.Loss(json.dumps(self.document))
        return self._core

    def __add__(self, other: Loss) -> Loss:
        """The sum of two losses."""
        return Loss({"type": "sum", "terms": _terms(self) + _terms(other)})

    def __mul__(self, weight: float) -> Loss:
        """The loss times a number."""
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
    """−log softmax of −t/`tau0` at the label, plus `alpha` (e^(t_label/`tau1`) − 1), of the first spikes t of the neurons.

    `tau0` and `tau1` are in seconds; `alpha` is 0 unless it is given. A neuron that is silent counts as one that spikes at the end of the run; with
    `pseudospikes` as one that spikes when it would after it (of quadratic neurons).
    """
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
    """½ Σ (t − t_label − `margin`)², in s², over the first spikes t of the other neurons; `margin` is in seconds."""
    return _loss("relative_spike_time", population, label=label, margin=margin)


def _times(targets: Any) -> list[list[float]]:
    return [np.asarray(_core.floats("targets", train)).reshape(-1).tolist() for train in targets]


def spike_time_mse(population: str, targets: Any, *, pseudospikes: bool | None = None) -> Loss:
    """½ Σ (t − target)², in s²: the n-th spike of each neuron against the n-th of its targets.

    `targets` has a list for each neuron, in seconds. A spike that is missing counts as one at the end of the run; with `pseudospikes` as one when the
    neuron would spike after it (of quadratic neurons).
    """
    return _loss("spike_time_mse", population, targets=_times(targets), pseudospikes=pseudospikes)


def van_rossum(population: str, targets: Any, *, tau: float) -> Loss:
    """Σ (1/`tau`) ∫ (f − g)² dt over the neurons; f and g are spikes and targets, each followed by e^(−t/`tau`).

    `targets` has a list for each neuron; they and `tau` are in seconds.
    """
    return _loss("van_rossum", population, targets=_times(targets), tau=tau)


def max_voltage_cross_entropy(population: str, label: int | None = None) -> Loss:
    """−log softmax, at the label, of the maxima of the potentials over the run."""
    return _loss("max_voltage_cross_entropy", population, label=label)


def mean_voltage_cross_entropy(population: str, label: int | None = None) -> Loss:
    """−log softmax, at the label, of the time averages of the potentials."""
    return _loss("mean_voltage_cross_entropy", population, label=label)


def shaped_voltage_cross_entropy(
    population: str, label: int | None = None, *, tau: float, scale: float | None = None
) -> Loss:
    """−log softmax, at the label, of the time averages of e^(−t/`tau`) V, divided by `scale` (1); `tau` is in seconds."""
    return _loss("shaped_voltage_cross_entropy", population, label=label, tau=tau, scale=scale)


def voltage_mse(population: str, neurons: ArrayLike, times: ArrayLike, targets: ArrayLike) -> Loss:
    """½ Σ (V(time) − target)² over some samples of potentials.

    `neurons`, counted within the population, `times`, in seconds, and `targets` have an entry for each sample, or are one number for all.
    """
    columns = np.broadcast_arrays(np.asarray(neurons), _core.floats("times", times), _core.floats("targets", targets))
    rows = zip(*(column.reshape(-1).tolist() for column in columns), strict=True)
    return _loss("voltage_mse", population, samples=[list(row) for row in rows])


def rate_regulariser(
    population: str, *, lower: float | None = None, upper: float | None = None, tau: float | None = None
) -> Loss:
    """½ Σ (`lower` − r)₊² + (r − `upper`)₊² over the rates r of the neurons, per second; at least one of the two is given.

    With `tau`, in seconds, a spike at t counts 1 − e^(−(t_end − t)/`tau`), so that the loss has derivatives; without, it counts 1.
    """
    return _loss("rate_regulariser", population, lower=lower, upper=upper, tau=tau)


def voltage_regulariser(
    population: str, *, measure: str, lower: float | None = None, upper: float | None = None
) -> Loss:
    """½ Σ (`lower` − m)₊² + (m − `upper`)₊² over the neurons, m being a `measure` of the potential, "maximum" or "mean"."""
    return _loss("voltage_regulariser", population, measure=measure, lower=lower, upper=upper)
