"""Write the runs of the grid that the tables are made without, why, and where each one's log is."""

import csv

with open(snakemake.output[0], "w", newline="") as file:
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(["dataset", "architecture", "activation", "seed", "why", "log"])
    rows.writerows(snakemake.params.runs)
