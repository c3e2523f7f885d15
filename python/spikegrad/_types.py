"""Types of arguments and results."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]
Indices: TypeAlias = npt.NDArray[np.int64]
ArrayLike: TypeAlias = npt.ArrayLike
Grazing: TypeAlias = str | float
# The neurons of each population, as positions among all neurons.
Ranges: TypeAlias = dict[str, range]
