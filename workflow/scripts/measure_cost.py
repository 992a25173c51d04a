"""Measure what the activations of the grid cost beside relu, on one thread."""

from actgrid import cost, devices
from actgrid.experiment import prepare_process

prepare_process(threads=1)
table = cost.measure(snakemake.params.activations, device=devices.choose(snakemake.params.device))
table.to_csv(snakemake.output[0], index=False)
