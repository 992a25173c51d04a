"""Draw digits, and what a network is given of them when their floats are read as bytes."""

import json
from pathlib import Path

import numpy as np

from actgrid.figures import seen, style

plain, fed = (Path(meta).parent for meta in (snakemake.input.plain, snakemake.input.data))
meta, given = (json.loads((folder / "meta.json").read_text()) for folder in (plain, fed))
images = np.load(plain / "train_x.npy", mmap_mode="r")[: snakemake.params.digits, 0]
levels = seen.levels(given["mean"], given["sd"])
figure = seen.seen(seen.greys(images, meta["mean"], meta["sd"]), levels)
style.save(figure, Path(snakemake.output[0]).with_suffix(""))
levels.to_csv(snakemake.output[3], index=False)
