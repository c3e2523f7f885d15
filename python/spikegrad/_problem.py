"""Problem files: a network, its input and a loss as one JSON document."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

from . import _core
from ._errors import InputError
from ._types import Array, ArrayLike, Grazing

Kinds = str | Iterable[str] | None


def _kinds(with_respect_to: Kinds) -> tuple[str, ...]:
    if with_respect_to is None:
        return ()
    if isinstance(with_respect_to, str):
        return (with_respect_to,)
    kinds = tuple(with_respect_to)
    if not all(isinstance(kind, str) for kind in kinds):
        raise InputError("with_respect_to must be names of kinds of numbers", "with_respect_to")
    if not kinds:
        raise InputError("with_respect_to is empty; leave it out for all numbers", "with_respect_to")
    return kinds


class Problem:
    """A problem file, checked, and its loss as a function of the n numbers that stand in it. `load` and `from_json` make one.

    `with_respect_to` narrows these numbers, in every method that has it: kinds (`"weights"`, `"delays"`,
    `"input_times"`, `"currents"`, `"params"`, `"initial"`, `"time_constants"`), single parameters (`"tau_mem"`,
    `"initial.v"`), or beginnings of paths (`"network/connections/0"`). Said when a problem is read, it holds for all.

    A problem cannot be changed. Its methods release the interpreter while they compute, and may be called from several
    threads.

    >>> problem = Problem.load("problem.json")
    >>> loss, gradient = problem.value_and_grad(problem.numbers())
    """

    __slots__ = ("_functions", "_options", "_problem", "_text", "_with_respect_to")

    def __init__(
        self,
        text: bytes,
        *,
        with_respect_to: Kinds = None,
        grazing: Grazing = "fail",
        max_events: int | None = None,
        engine: str = "automatic",
    ) -> None:
        self._text = text
        self._options: dict[str, Any] = {"grazing": grazing, "max_events": max_events, "engine": engine}
        self._problem = _core.Problem(text, grazing=grazing, max_events=max_events, engine=engine)
        self._with_respect_to = _kinds(with_respect_to)
        self._functions: dict[tuple[str, ...], _core.Function] = {}
        if self._with_respect_to:
            self._function(None)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        with_respect_to: Kinds = None,
        grazing: Grazing = "fail",
        max_events: int | None = None,
        engine: str = "automatic",
    ) -> Problem:
        """Read a problem file.

        `grazing` says what to do where a spike grazes its threshold and there is no gradient: `"fail"`, `"zero"` (it
        contributes nothing), or a smallest slope per second. `max_events` bounds a run (10 million). `engine` is
        `"automatic"` or `"event-loop"`.

        Raises `ProblemError`, with the place, if the file is not valid.
        """
        with open(path, "rb") as file:
            text = file.read()
        return cls(
            text, with_respect_to=with_respect_to, grazing=grazing, max_events=max_events, engine=engine
        )

    @classmethod
    def from_json(
        cls,
        document: str | bytes | Mapping[str, Any],
        *,
        with_respect_to: Kinds = None,
        grazing: Grazing = "fail",
        max_events: int | None = None,
        engine: str = "automatic",
    ) -> Problem:
        """Read a problem from JSON text, or from the same as a dict, in which arrays may stand for lists. Arguments and errors are those of `load`."""
        if isinstance(document, str):
            text = document.encode("utf-8", "surrogatepass")
        elif isinstance(document, (bytes, bytearray, memoryview)):
            text = bytes(document)
        elif isinstance(document, Mapping):
            text = _written(document)
        else:
            raise InputError(f"document is a {type(document).__name__}; it must be str, bytes or dict", "document")
        return cls(
            text, with_respect_to=with_respect_to, grazing=grazing, max_events=max_events, engine=engine
        )

    def to_json(self) -> str:
        """The problem as the JSON text of which it was read."""
        return self._text.decode("utf-8")

    def to_dict(self) -> dict[str, Any]:
        """The problem as a dict."""
        document: dict[str, Any] = json.loads(self._text)
        return document

    def simulate(self) -> dict[str, Any]:
        """Run it: the answer document of the command `simulate`, in which `["spikes"][population]` lists [neuron, seconds].

        Raises `SimulationError` for a run that cannot reach its end.
        """
        answer: dict[str, Any] = json.loads(self._problem.simulate())
        return answer

    def gradient(self) -> dict[str, Any]:
        """Run and differentiate it: the answer document with loss, spikes, the derivative of every number in its place, and the certificate.

        Raises `ProblemError` if the problem has no loss, `SimulationError` for a run that cannot reach its end, and `GradientError` where there is no
        gradient.
        """
        answer: dict[str, Any] = json.loads(self._problem.gradient())
        return answer

    def _function(self, with_respect_to: Kinds) -> _core.Function:
        kinds = self._with_respect_to if with_respect_to is None else _kinds(with_respect_to)
        function = self._functions.get(kinds)
        if function is None:
            function = self._functions[kinds] = self._problem.objective(list(kinds))
        return function

    @property
    def paths(self) -> list[str]:
        """Where the numbers stand, in the order of the file: `"network/connections/0/weights/1/2"`."""
        return self._function(None).paths

    def paths_of(self, with_respect_to: Kinds) -> list[str]:
        """Like `paths`, for these kinds of numbers. Raises `InputError` for a kind of which there is no number."""
        return self._function(with_respect_to).paths

    def numbers(self, *, with_respect_to: Kinds = None) -> Array:
        """The values of the numbers at `paths`: float64, shape (n,)."""
        return self._function(with_respect_to).numbers()

    def value(self, x: ArrayLike, *, with_respect_to: Kinds = None) -> float:
        """The loss with `x`, shape (n,), in place of the numbers. Errors are those of `value_and_grad`."""
        return self._function(with_respect_to).value(x)

    def value_and_grad(self, x: ArrayLike, *, with_respect_to: Kinds = None) -> tuple[float, Array]:
        """The loss at `x`, shape (n,), and its exact derivatives: float64, shape (n,).

        Raises `InputError` for a shape that does not fit, `NetworkError` for values that a network cannot have, `SimulationError` for a run that
        cannot reach its end, and `GradientError` where there is no gradient.
        """
        return self._function(with_respect_to).value_and_grad(x)

    def jvp(self, x: ArrayLike, v: ArrayLike, *, with_respect_to: Kinds = None) -> float:
        """The derivative of the loss at `x` along `v`, in the time of a gradient; both have shape (n,). Errors are those of `value_and_grad`."""
        return self._function(with_respect_to).jvp(x, v)

    def hvp(self, x: ArrayLike, v: ArrayLike, *, with_respect_to: Kinds = None) -> Array:
        """The product of the Hessian of the loss at `x` with `v`, both of shape (n,): float64, shape (n,). Errors are those of `value_and_grad`."""
        return self._function(with_respect_to).hvp(x, v)

    def __reduce__(self) -> tuple[Any, ...]:
        return _read, (self._text, self._with_respect_to, self._options)

    def __repr__(self) -> str:
        network = self.to_dict()["network"]
        sizes = ", ".join(f"{p['name']}: {p['size']} {p['model']}" for p in network["populations"])
        return f"Problem(inputs: {network['inputs']}, {sizes}; {len(self.paths)} numbers)"


def _read(text: bytes, kinds: tuple[str, ...], options: dict[str, Any]) -> Problem:
    return Problem(text, with_respect_to=kinds or None, **options)


def _written(document: Mapping[str, Any]) -> bytes:
    """A document as JSON; arrays of numpy stand for lists."""

    def plain(value: Any) -> Any:
        if hasattr(value, "tolist"):
            return value.tolist()
        if isinstance(value, Mapping):
            return dict(value)
        raise TypeError(f"a {type(value).__name__}")

    try:
        return json.dumps(document, default=plain).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"document cannot be written as JSON: {error}", "document") from error
