"""Memory of training jobs, two at a time: what they touch (RSS) and their share of it (PSS), MB.

Run from the project's root, with the data sets prepared: python benchmarks/job_memory.py
Every network is trained by the code of a real job for an epoch on EXAMPLES images and tested on as
many; the whole data set is mapped and checked. Sampled from outside until the jobs end.
"""

import multiprocessing
import os
import re
import sys
import time
from pathlib import Path

import yaml

EXAMPLES = 2048
CELLS = {  # network -> data set
    "": "torch alone",
    "small": "fashion_mnist",
    "small_conv": "fashion_mnist",
    "resnet_norm": "fashion_mnist",
    "plain": "fashion_mnist",
    "mlp_deep": "fashion_mnist",
    "mlp_96_48_32": "covertype",
}


def job(network: str, seed: int) -> None:
    """One run with relu, as the rule trains it, its files thrown away; "": the imports alone."""
    from actgrid import data, grid, records
    from actgrid.experiment import prepare_process, run_one

    if not network:
        os._exit(0)
    config = yaml.safe_load(Path("config.yaml").read_text())
    (study, *_) = (s for s in config["studies"].values() if network in s["architectures"])
    settings = {"activation": {"function": "relu"}, "protocol": study["protocol"] | {"epochs": 1}}
    if CELLS[network] == "fashion_mnist":
        settings["protocol"] |= {"train_examples": EXAMPLES, "test_examples": EXAMPLES}
    settings |= {
        "device": "cpu",
        "cuda_graphs": False,
        "diagnostics": study.get("diagnostics", False),
    }
    prepare_process(threads=1)
    run = grid.Run("", CELLS[network], network, "relu", seed)
    result = run_one(run, settings, data.load(Path("data/prepared", run.dataset)))
    records.files(run, result)
    os._exit(0)  # as a real job: actgrid.warm.script


def now(process) -> dict[str, float]:
    """Rss and Pss of a process in MB; nothing once it has ended."""
    try:
        text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    except (OSError, ValueError):
        return {}
    found = re.findall(r"^(Rss|Pss): +(\d+) kB", text, re.MULTILINE)
    return {name: int(kilobytes) / 1024 for name, kilobytes in found}


def peaks(network: str, jobs: int) -> dict[str, float]:
    """The largest Rss and Pss of a job, `jobs` of them running side by side."""
    context = multiprocessing.get_context("spawn")
    started = [context.Process(target=job, args=(network, seed)) for seed in range(jobs)]
    for process in started:
        process.start()
    largest = {}
    while any(process.is_alive() for process in started):
        for process in started:
            largest = {k: max(v, largest.get(k, 0)) for k, v in now(process).items()} or largest
        time.sleep(0.05)
    if any(process.exitcode for process in started):
        sys.exit(f"{network}: a job failed")
    return largest


if __name__ == "__main__":
    print("network,jobs,rss_mb,pss_mb")
    for network in CELLS:
        for jobs in (1, 2):
            found = peaks(network, jobs)
            print(
                f"{network or CELLS[network]},{jobs},{found['Rss']:.0f},{found['Pss']:.0f}",
                flush=True,
            )
