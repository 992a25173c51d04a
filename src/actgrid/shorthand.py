"""The config's short ways to write an activation, and its `studies`, spelled out; free of torch."""

from actgrid import grid
from actgrid.activations import ABOUT_NETWORK, PRESENTATION
from actgrid.crosschecks import unknown

SHORT = {  # key of a short entry -> the function that it means, and its constant of that value
    "formula": ("formula", "expression"),
    "import": ("imported", "target"),
    "knots": ("piecewise_linear", "knots"),
}
FAMILY = "own"  # of a short entry that names none


def problems(config: dict) -> list[str]:
    """What is wrong with the short entries and with the studies that entries name, a line each."""
    studies = config["studies"]
    return [
        problem
        for name, entry in config["activations"].items()
        for problem in (
            *_ways(f"activations.{name}", entry),
            *unknown(f"activations.{name}.studies", "study", entry.get("studies", ()), studies),
        )
    ]


def _ways(key, entry):
    ways = [way for way in ("function", *SHORT) if way in entry]
    if len(ways) > 1 and ways != ["function", "knots"]:
        yield f"  {key}: {' and '.join(ways)}: only one of them says what the activation is."


def resolve(config: dict) -> dict:
    """The config with every short entry written as a full one (function, its constants, family),
    and every entry that names studies among the activations of each, once and at the end."""
    entries = {name: _full(entry) for name, entry in config["activations"].items()}
    studies = {
        study: {**value, "activations": grid.activations_of(config, study)}
        for study, value in config["studies"].items()
    }
    return {**config, "studies": studies, "activations": entries}


def _full(entry):
    if "function" in entry:
        return entry
    (way,) = (way for way in SHORT if way in entry)
    function, constant = SHORT[way]
    aside = {k: entry[k] for k in (*PRESENTATION, *ABOUT_NETWORK) if k in entry}
    others = {k: v for k, v in entry.items() if k != way and k not in aside}
    others = others if function == "piecewise_linear" else {"constants": others}
    return {"function": function, constant: entry[way], **others, "family": FAMILY} | aside
