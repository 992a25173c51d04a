"""Measure what the activations of the grid cost beside relu, on one thread."""

from actgrid import cost, devices
from actgrid.experiment import prepare_process

prepare_process(threads=1)
device = devices.choose(snakemake.params.device)
devices.prepare(device)
table = cost.measure(snakemake.params.activations, device=device)
table.to_csv(snakemake.output[0], index=False)
