"""The first images of MNIST, or of another data set in IDX files, in files of the same form: for runs that shall be short.

    python examples/python/first_images.py path/to/mnist data/mnist-part --train 2500 --test 1000
"""

import argparse
import gzip
from pathlib import Path


def first(source: Path, count: int) -> bytes:
    """An IDX file with its first `count` entries: a magic number whose last byte says how many sizes follow, big-endian words, then the entries."""
    packed = source.read_bytes()
    data = gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed
    start = 4 + 4 * data[3]
    sizes = [int.from_bytes(data[k : k + 4], "big") for k in range(4, start, 4)]
    if count > sizes[0]:
        raise SystemExit(f"{source} has {sizes[0]} entries, fewer than {count}")
    entry = (len(data) - start) // sizes[0]
    return data[:4] + count.to_bytes(4, "big") + data[8:start] + data[start : start + count * entry]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="folder with the files of the data set")
    parser.add_argument("out", type=Path, help="folder to write to; made if it is not there")
    parser.add_argument("--train", type=int, default=2500, help="images of the training part (%(default)s)")
    parser.add_argument("--test", type=int, default=1000, help="images of the test part (%(default)s)")
    arguments = parser.parse_args()
    parts: dict[str, bytes] = {}
    for part, count in (("train", arguments.train), ("t10k", arguments.test)):
        for name in (f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"):
            found = [path for path in (arguments.source / name, arguments.source / f"{name}.gz") if path.exists()]
            if not found:
                raise SystemExit(f"there is no {name} or {name}.gz in {arguments.source}")
            parts[name] = first(found[0], count)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, data in parts.items():
        (arguments.out / name).write_bytes(data)


if __name__ == "__main__":
    main()
