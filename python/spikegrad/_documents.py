"""Networks as they stand in a problem file, read and written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ._parts import Connection, Population
from ._types import Array

if TYPE_CHECKING:
    from ._network import Network


def read_population(network: Network, document: Mapping[str, Any]) -> None:
    """Add the population that a problem file states."""
    params = dict(document.get("params", {}))
    options = {key: params.pop(key) for key in ("reset_current", "hold_current") if key in params}
    receptors = {r["name"]: r["tau_syn"] for r in document.get("receptors", [])}
    initial = dict(document.get("initial", {}))
    if len(receptors) > 1 and isinstance(initial.get("i"), Sequence):
        initial["i"] = dict(zip(receptors, initial["i"], strict=True))
    network.population(
        document["name"],
        document["size"],
        document["model"],
        receptors=receptors or None,
        initial=initial,
        **options,
        **params,
    )


def read_connection(network: Network, document: Mapping[str, Any]) -> None:
    """Add the connection that a problem file states."""
    synapses, weight_of = document.get("synapses"), document.get("weight_of")
    keys: dict[str, Any] = {"receptor": document.get("receptor"), "weight_of": weight_of}
    weights, keys["delay"] = document.get("weights"), document.get("delay", 0.0)
    if synapses is not None:
        keys["pre"] = [s["pre"] for s in synapses]
        keys["post"] = [s["post"] for s in synapses]
        if weight_of is None:
            weights = [s["weight"] for s in synapses]
            keys["delay"] = [s.get("delay", 0.0) for s in synapses]
    if weight_of is None and synapses is None:
        weights = np.asarray(weights, np.float64).reshape(network.size(document["to"]), network.size(document["from"]))
    network.connect(document["from"], document["to"], [] if weights is None else weights, **keys)


def _list(value: Array) -> Any:
    return value.tolist()


def population_document(population: Population) -> dict[str, Any]:
    """A population as a problem file states it: every value that was given."""
    document: dict[str, Any] = {"name": population.name, "size": population.size, "model": population.model}
    params = {key: _list(value) for key, value in population.params.items()}
    for option in ("reset_current", "hold_current"):
        if getattr(population, option):
            params[option] = True
    if params:
        document["params"] = params
    if population.receptors:
        document["receptors"] = [
            {"name": name, "tau_syn": _list(population.tau_syn[name])} for name in population.receptors
        ]
    initial = {key: _list(value) for key, value in population.initial.items() if "[" not in key}
    if any("[" in key for key in population.initial):
        listed = [population.initial.get(f"i[{r}]") for r in range(len(population.receptors))]
        initial["i"] = [0.0 if value is None else _list(value) for value in listed]
    if initial:
        document["initial"] = initial
    return document


def connection_document(connection: Connection) -> dict[str, Any]:
    """A connection as a problem file states it."""
    document: dict[str, Any] = {"from": connection.source, "to": connection.target}
    if connection.receptor is not None:
        document["receptor"] = connection.receptor
    pairs = None
    if connection.pre is not None and connection.post is not None:
        pairs = list(zip(connection.pre.tolist(), connection.post.tolist(), strict=True))
    if pairs is not None and connection.weight_of is None:
        delays = np.broadcast_to(connection.delay, connection.weights.shape).tolist()
        weights = connection.weights.tolist()
        document["synapses"] = [
            {"pre": pre, "post": post, "weight": weight, "delay": delay}
            for (pre, post), weight, delay in zip(pairs, weights, delays, strict=True)
        ]
        return document
    document |= {"weights": _list(connection.weights), "delay": _list(connection.delay)}
    if connection.weight_of is not None:
        document["weight_of"] = connection.weight_of.tolist()
    if pairs is not None:
        document["synapses"] = [{"pre": pre, "post": post} for pre, post in pairs]
    return document
