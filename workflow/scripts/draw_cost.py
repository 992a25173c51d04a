"""Draw final accuracy against the cost of the activation, with the CSV."""

from pathlib import Path

import pandas as pd

from actgrid.figures import cost, style

final = pd.read_csv(snakemake.input.final)
final = final[~final["dataset"].isin(snakemake.params.leave_out)]
rows = cost.priced(final, pd.read_csv(snakemake.input.cost))
figure = cost.cost_accuracy(rows, snakemake.params.families)
style.save(figure, Path(snakemake.output[0]).with_suffix(""))
rows.to_csv(snakemake.output[3], index=False)
