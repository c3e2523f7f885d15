"""Writes a training file in the layout of SHD: three samples, with the types of the published files."""

import h5py
import numpy as np

TIMES = [[0.5, 0.25, 1.0], [], [0.125, 0.125]]
UNITS = [[3, 699, 0], [], [12, 7]]
LABELS = [19, 0, 7]


def rows(lists, dtype):
    entries = np.empty(len(lists), dtype=object)
    for k, values in enumerate(lists):
        entries[k] = np.array(values, dtype=dtype)
    return entries


with h5py.File("shd_train.h5", "w") as file:
    spikes = file.create_group("spikes")
    for name, lists, dtype in [("times", TIMES, np.float16), ("units", UNITS, np.uint16)]:
        spikes.create_dataset(name, data=rows(lists, dtype), dtype=h5py.vlen_dtype(dtype))
    file.create_dataset("labels", data=np.array(LABELS, dtype=np.uint16))
