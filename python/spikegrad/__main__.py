"""The program `spikegrad`: `python -m spikegrad simulate problem.json`."""

from __future__ import annotations

import signal
import sys

from . import _core


def main() -> int:
    """Run the program with the arguments of this process, and return its exit status."""
    # Ctrl-C is the program's own from here on.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _core.run(["spikegrad", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
