"""Compare the final epoch with the published tables; the authors' second runs are the yardstick."""

import pandas as pd

from actgrid import scores

final = pd.read_csv(snakemake.input.final)
names = {key: entry.get("published_as") for key, entry in snakemake.params.activations.items()}
cells, agreement = [], []
for study, entry in snakemake.params.studies.items():
    if entry.get("published"):
        published = pd.read_csv(entry["published"])
        cells.append(scores.compare(final[final["study"] == study], published, names))
        for first, second in entry.get("replicate", {}).items():
            yardstick = scores.replicate_agreement(published, first, second)
            agreement.append(yardstick.assign(compared="second published run"))
cells = pd.concat(cells, ignore_index=True)
agreement = pd.concat([scores.agreement(cells).assign(compared="ours"), *agreement])
cells.to_csv(snakemake.output.cells, index=False)
agreement.drop_duplicates().to_csv(snakemake.output.agreement, index=False)
