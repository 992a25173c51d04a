"""Measure what the activations of the grid cost beside relu, on one thread."""

from actgrid import cost
from actgrid.experiment import choose_device, prepare_process

prepare_process(threads=1)
table = cost.measure(snakemake.params.activations, device=choose_device(snakemake.params.device))
table.to_csv(snakemake.output[0], index=False)
