"""What can go wrong. Every exception is a `SpikegradError`, says in one sentence what to do, and knows the place."""

from __future__ import annotations


class SpikegradError(Exception):
    """Any error of this package.

    Attributes:
        place: where it is wrong: a path in a problem file, a neuron such as `out[0]`, or the name of an argument; None if it is nowhere
        sample: the position of the sample in a batch; None if it is not of one
    """

    def __init__(self, message: str, place: str | None = None, sample: int | None = None) -> None:
        super().__init__(message)
        self.place = place
        self.sample = sample

    def __reduce__(self) -> tuple[type[SpikegradError], tuple[str, str | None, int | None]]:
        return type(self), (str(self), self.place, self.sample)


class ProblemError(SpikegradError, ValueError):
    """A problem file that is not valid."""


class NetworkError(SpikegradError, ValueError):
    """A network, or a value in it, that cannot be."""


class InputError(SpikegradError, ValueError):
    """An argument that cannot be used; `place` names it."""


class DtypeError(InputError, TypeError):
    """An array whose entries are no real numbers, or no whole ones where these are needed."""


class NirError(SpikegradError, ValueError):
    """A NIR file that cannot be read, or a network that cannot be written as one; `place` is the node."""


class SimulationError(SpikegradError, RuntimeError):
    """A run that cannot reach its end."""


class GradientError(SpikegradError, ArithmeticError):
    """A gradient that does not exist, or is not finite."""


class TrainingError(SpikegradError, RuntimeError):
    """A training run that cannot begin or go on: a setting, a file, or a sample."""
