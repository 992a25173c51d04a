"""Train one run of the grid; writes epochs.csv, run.json and what else it leaves."""

import logging
import sys
from pathlib import Path

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
for name, content in records.files(run, result).items():
    Path(out[name]).write_bytes(content)
