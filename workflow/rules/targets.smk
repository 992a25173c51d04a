# What the grid makes: figures, tables and documents, by the works that it holds.
def get_figures():
    """Every figure of the report, without extension."""
    figures = ["<figures>/activations", *of_pairs("<figures>/{dataset}/{architecture}/final_epoch")]
    # where the validation decides when to stop, runs differ in length and are tested once
    tested = [pair for pair, protocol in PAIRS.items() if not protocol.get("monitor")]
    figures += [f"<figures>/{dataset}/{name}/learning_curves" for dataset, name in tested]
    figures += ["<figures>/published"] if get_published("customactfuncs") else []
    figures += [f"<figures>/{name}" for name in ("forest", "heatmap", "ranks", "critical_difference", "cost_accuracy")]
    figures += of_pairs("<figures>/{dataset}/{architecture}/sorted")
    return figures + get_learned_figures() + get_work_figures()


def get_learned_figures():
    """Those of the learned activations; none if the grid learns none."""
    if not LEARNED:
        return []
    bases = {config["activations"][run.activation]["base"]: None for run in LEARNED}
    figures = ["reference", *bases, "overview", "parity"]
    figures += ["published"] if get_published("learnedactivation") else []
    return [f"<figures>/learned/{figure}" for figure in figures]


def get_work_figures():
    """Those of the works on trained, on hand-differentiated and on standard activations."""
    pair = "<figures>/{dataset}/{architecture}/"
    figures = of_source("trainedparameters", f"{pair}training")
    figures += of_source("trainedparameters", f"{pair}parameters")
    figures += [f"<figures>/autograd/{name}" for name in ("published_log", "seen") if studies_of("autogradfunctions")]
    figures += of_source("activationzoo", f"{pair}gradient_flow")
    figures += of_source("activationzoo", f"{pair}histograms")
    return figures + [f"<figures>/gradients/{name}" for name in ("units", "depth") if studies_of("activationzoo")]


def get_work_tables(source):
    """The tables that the report's section on a source work needs; none if it is not in the grid."""
    names = {
        "trainedparameters": ["classification", "trained_parameters"],
        "autogradfunctions": ["published_log", "checkpoints", "twins"],
        "activationzoo": ["flow_summary"],
    }
    return [f"<results>/{name}.csv" for name in names[source]] if studies_of(source) else []


def get_learned_tables():
    """The tables of the learned activations; none if the grid learns none."""
    names = ["shapes", "shape_spread", "shape_claims", "differences", "parity", "parity_overall"]
    names += ["evaluations", "collapsed", "learned_published"]
    return [f"<results>/{name}.csv" for name in names] if LEARNED else []


def get_final_output():
    """What `snakemake` without a target makes."""
    tables = ["runs", "epochs", "final_epoch", "claims", "missing"]
    datasets = sorted({run.dataset for run in RUNS})
    return [
        *(f"<results>/{name}.csv" for name in tables),
        *get_learned_tables(),
        *(f"<results>/{dataset}.ods" for dataset in datasets),
        *(f"{figure}.pdf" for figure in get_figures()),
        *expand("report/{name}.{extension}", name=["report", "supplement"], extension=["md", "tex", "pdf", "html"]),
        "report/explore.html",
    ]
