"""Examine one activation before anything is trained with it."""

import json
import sys
from pathlib import Path

from actgrid import activations
from actgrid.activations.checks import examine

try:
    facts = examine(lambda: activations.from_config(snakemake.params.entry))
except ValueError as error:  # a message for the user
    name = snakemake.wildcards.activation
    message = f"activation {name} fails its check, so nothing is trained with it: {error}."
    Path(snakemake.log[0]).write_text(f"{message}\n")
    sys.exit(message)
Path(snakemake.output[0]).write_text(json.dumps(facts, indent=1) + "\n")
