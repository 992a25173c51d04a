# Tables, figures and report of the runs that are there, with `partial: true`; nothing is trained.
def why_missing(run):
    """What keeps a run out, in words; empty for one that has ended with the settings of this grid."""
    folder = Path(config["pathvars"]["results"]) / "runs" / run.path
    names = ["epochs.csv", "layers.csv"]
    names += ["activation.pt", "graph.csv", "preactivations.csv"] if is_learned(run) else []
    try:
        made = dict(json.loads((folder / "run.json").read_text())["settings"])
    except (OSError, ValueError, KeyError, TypeError):
        return "no result"
    if not all((folder / name).exists() for name in names):
        return "no result"
    settings = json.loads(json.dumps(grid.settings(config, run.study, run.activation)))
    made.pop("source", None)  # an edit of the code keeps no run out: a partial grid is for what is there
    return "" if made == settings else "made with other settings"


if config.get("partial"):
    MISSING |= {run: why for run in PLANNED if (why := why_missing(run))}
    if len(MISSING) == len(PLANNED):
        sys.exit(f"partial = true: no run of the grid is there yet below {config['pathvars']['results']}/runs.")
    config |= grid.without(config, MISSING)
