"""Train one run of the grid; writes epochs.csv, run.json and, where there is one, its activation."""

import logging
import sys
from pathlib import Path

import torch
from tqdm import tqdm

from actgrid import data, grid, records
from actgrid.experiment import prepare_process, run_one

names, settings, out = snakemake.wildcards, snakemake.params.settings, snakemake.output
run = grid.Run("", names.dataset, names.architecture, names.activation, int(names.seed))
logging.basicConfig(filename=snakemake.log[0], level="INFO", format="%(asctime)s %(message)s")
prepare_process(snakemake.threads)
bar = tqdm(total=settings["protocol"]["epochs"], desc=run.path, unit="epoch", disable=None)
try:
    dataset = data.load(Path(snakemake.input.data[0]).parent)
    result = run_one(run, settings, dataset, lambda epoch: bar.update())
except ValueError as error:  # a message for the user; the traceback is in the log
    logging.exception("stopped")
    sys.exit(f"{run.path}: {error}")
if result.learned:
    torch.save(result.learned.document, out.activation)
    Path(out.graph).write_text(records.rows_text(result.learned.graph))
    Path(out.preactivations).write_text(records.rows_text(result.learned.preactivations))
Path(out.run).write_text(records.run_text(run, result.facts))
Path(out.epochs).write_text(records.epochs_text(result.history))
