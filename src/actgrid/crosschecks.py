"""Checks of what the config's studies and activations say of one another; free of torch.

Each check takes the config and yields its problems, a line each; `config.check` calls them.
"""

from importlib import import_module

from actgrid import grid, registry
from actgrid.activations import SHARED
from actgrid.architectures import ARCHITECTURES
from actgrid.data import DATASETS


def unknown(key, kind, names, known):
    """Those of the `names` that are not among the `known` ones."""
    for name in names:
        try:
            registry.require(kind, name, known)
        except registry.UnknownName as error:
            yield f"  {key}: {error}"


def cells(config):
    """No cell in two studies; no pair with two protocols: tables compare what a pair holds."""
    owner, protocols, said = {}, {}, {}
    for run in grid.expand(config):
        pair = (run.dataset, run.architecture)
        first = owner.setdefault((*pair, run.activation), run.study)
        other = protocols.setdefault(pair, run.study)
        if first != run.study:
            said[first, run.study] = (
                f"  studies.{first} and studies.{run.study} both hold {(*pair, run.activation)}; a "
                "(dataset, architecture, activation) cell may stand in one study only."
            )
        elif config["studies"][other]["protocol"] != config["studies"][run.study]["protocol"]:
            said[other, run.study] = (
                f"  studies.{other} and studies.{run.study} both hold {pair} with different "
                "protocols; a (dataset, architecture) pair has one protocol."
            )
    yield from said.values()


def matched(config):
    """matched_to names a learned activation, and stands where the network can be widened."""
    entries = config["activations"]
    learned = [name for name, entry in entries.items() if entry["function"] in SHARED]
    matching = {name: e["matched_to"] for name, e in entries.items() if "matched_to" in e}
    for name, target in matching.items():
        yield from unknown(
            f"activations.{name}.matched_to", "learned activation", [target], learned
        )
    for study, entry in config["studies"].items():
        used = [name for name in entry["activations"] if name in matching]
        fixed = [name for name in entry["architectures"] if not _widened(name)]
        if used and fixed:
            yield (
                f"  studies.{study}: {', '.join(used)} with matched_to, but {', '.join(fixed)} "
                f"cannot be widened. Those that can: {', '.join(filter(_widened, ARCHITECTURES))}."
            )


def compared(config):
    """The comparison names activations and data sets that there are."""
    entry, activations = config["comparison"], config["activations"]
    for key, kind, names, known in (
        ("baseline", "activation", [entry["baseline"]], activations),
        ("leave_out", "dataset", entry["leave_out"], DATASETS),
        ("diagram", "activation", entry["diagram"], activations),
    ):
        yield from unknown(f"comparison.{key}", kind, names, known)


def _widened(architecture):
    takes = registry.signature(architecture, ARCHITECTURES, "actgrid.architectures")
    return "extra_parameters" in takes


def transferred(config):
    """The source of a transferred activation is a run of this grid that learns one."""
    entries, runs = config["activations"], grid.expand(config)
    used = {run.activation for run in runs}
    sources = [run.path for run in runs if entries[run.activation]["function"] in SHARED]
    for name, entry in entries.items():
        if entry["function"] == "transfer" and name in used and entry["source"] not in sources:
            yield (
                f"  activations.{name}.source = {entry['source']!r}: no run of this grid with a "
                f"learned activation{registry.nearest(entry['source'], sources)} It must be "
                "dataset/architecture/activation/seed of such a run."
            )


def protocols(config):
    """The loss and the monitored figure fit the data sets, and one another."""
    for study, entry in config["studies"].items():
        protocol, key = entry["protocol"], f"studies.{study}.protocol"
        binary = protocol["loss"] == "binary_cross_entropy"
        monitor, patience = protocol.get("monitor"), protocol.get("patience")
        for name in entry["datasets"]:
            data = import_module(DATASETS[name])
            if binary and len(data.CLASSES) != 2:
                classes = len(data.CLASSES)
                yield f"  {key}.loss = {protocol['loss']}: needs 2 classes, {name} has {classes}."
            if monitor and not getattr(data, "VALIDATION", 0):
                yield f"  {key}.monitor = {monitor}: must be null, {name} has no validation part."
        if monitor == "valid_auc" and not binary:
            yield f"  {key}.monitor = {monitor}: needs the loss binary_cross_entropy."
        if patience and not monitor:
            yield f"  {key}.patience = {patience}: must be null where monitor is null."
