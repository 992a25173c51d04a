"""Train one run of the grid; writes epochs.csv, run.json and what else it leaves."""

import json
import logging
import sys
from pathlib import Path

from tqdm import tqdm

from actgrid import checkpoint, data, grid, records, whole
from actgrid.experiment import prepare_process, run_one

dataset, architecture, activation, seed, text, threads, prepared, log, *outputs = sys.argv[1:]
run, settings = grid.Run("", dataset, architecture, activation, int(seed)), json.loads(text)
logging.basicConfig(filename=log, level="INFO", format="%(asctime)s %(message)s")
prepare_process(int(threads))
bar = tqdm(total=settings["protocol"]["epochs"], desc=run.path, unit="epoch", disable=None)
kept = checkpoint.Checkpoint(Path(outputs[0]).with_name("checkpoint.pt"))
try:
    result = run_one(run, settings, data.load(Path(prepared).parent), lambda _: bar.update(), kept)
except ValueError as error:  # a message for the user; the traceback is in the log
    logging.exception("stopped")
    sys.exit(f"{run.path}: {error}")
whole.write(outputs, records.files(run, result))
kept.remove()
