"""Yin-Yang in PyTorch by several processes, each with its share of every batch.

    pip install .[torch] && torchrun --nproc-per-node=2 examples/python/yin_yang_distributed.py
"""

import os
import sys

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader
from torch.utils.data.distributed import DistributedSampler

import spikegrad
from spikegrad import datasets
from yin_yang_torch import T_END, loss_of, spike_trains, spiking_network


def main(epochs: int) -> None:
    processes = dist.get_world_size()
    data, module = datasets.load("yin-yang"), DistributedDataParallel(spiking_network())
    (train, labels), (test, answers) = spike_trains(data.train), spike_trains(data.test)
    sampler = DistributedSampler(range(len(train)))
    optimiser = torch.optim.Adam(module.parameters(), lr=0.008)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimiser, 0.96)
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        # The mean over the processes is the mean over the batch where all have as many samples.
        for batch in DataLoader(range(len(train)), batch_size=32 // processes, sampler=sampler, drop_last=True):
            first = module(train[batch.numpy()]).first_spikes("output", missing=T_END)
            optimiser.zero_grad()
            loss_of(first, labels[batch]).backward()
            optimiser.step()
        schedule.step()
        if dist.get_rank() == 0:
            with torch.no_grad():
                accuracy = (module.module(test).first_spikes("output").argmin(1) == answers).double().mean().item()
            print(f"epoch {epoch + 1}: {100 * accuracy:.1f} % of the test set")


if __name__ == "__main__":
    dist.init_process_group("gloo")
    torch.manual_seed(0)
    torch.set_num_threads(1)
    # The processes of one machine share its cores.
    spikegrad.set_threads(max(1, (os.cpu_count() or 1) // int(os.environ["LOCAL_WORLD_SIZE"])))
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
    dist.destroy_process_group()
