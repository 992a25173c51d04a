"""Train one run of the grid; writes its epochs.csv and run.json."""

import sys
from pathlib import Path

from tqdm import tqdm

from actgrid import data, grid, records
from actgrid.experiment import choose_device, prepare_process, run_one
from actgrid.provenance import provenance

names, settings, threads = snakemake.wildcards, snakemake.params.settings, snakemake.threads
run = grid.Run("", names.dataset, names.architecture, names.activation, int(names.seed))
prepare_process(threads)
bar = tqdm(total=settings["protocol"]["epochs"], desc=run.path, unit="epoch", disable=None)
with open(snakemake.log[0], "w", buffering=1) as log:

    def on_epoch(epoch):
        """A line in the log and, on a terminal, a step of the bar."""
        print(run.path, epoch, file=log)
        bar.update()

    try:
        device = choose_device(settings["device"])
        dataset = data.load(Path(snakemake.input.data[0]).parent)
    except ValueError as error:  # what the user can mend
        print(error, file=log)
        sys.exit(str(error))
    history, facts = run_one(run, settings, dataset, device, on_epoch)
facts |= {"settings": settings, "threads": threads, "data_sha256": dataset.sha256}
Path(snakemake.output.run).write_text(records.run_text(run, **facts, **provenance(device)))
Path(snakemake.output.epochs).write_text(records.epochs_text(history))
