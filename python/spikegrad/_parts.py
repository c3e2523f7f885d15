"""What networks are made of, as the compiled part reads it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._types import Array, Indices


@dataclass
class Population:
    """What the compiled part reads of a population."""

    name: str
    size: int
    model: str
    receptors: list[str]
    reset_current: bool
    hold_current: bool
    params: dict[str, Array]
    initial: dict[str, Array]
    tau_syn: dict[str, Array]

    @property
    def values(self) -> list[tuple[str, Array]]:
        """Every value that was given, by its path in a problem file."""
        params = [(f"params.{name}", value) for name, value in self.params.items()]
        of_receptors = [(f"receptors[{r}].tau_syn", self.tau_syn[name]) for r, name in enumerate(self.receptors)]
        if len(self.receptors) == 1:
            of_receptors = [("params.tau_syn", value) for _, value in of_receptors]
        return params + of_receptors + [(f"initial.{name}", value) for name, value in self.initial.items()]


@dataclass
class Connection:
    """What the compiled part reads of a connection; `weights` and `delay` are as they were given."""

    name: str
    source: str
    target: str
    receptor: str | None
    pre: Indices | None
    post: Indices | None
    weight_of: Indices | None
    weights: Array
    delay: Array


@dataclass(frozen=True)
class Slot:
    """Where the numbers of a value stand among those of its network: `flat[slot.slice].reshape(slot.shape)`.

    Attributes:
        name: the name of the value, such as `"hidden/tau_mem"`
        kind: what it is one of: `"weights"`, `"delays"`, `"params.tau_mem"`, `"initial.v"` and so on
        start: the position of its first number
        shape: its shape; () if one number is shared
    """

    name: str
    kind: str
    start: int
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def slice(self) -> slice:
        """Their positions in `flat`."""
        return slice(self.start, self.start + self.size)
