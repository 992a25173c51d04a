# What activations cost: the time of their passes, and the memory between them, beside relu's.
# Not timed: what waits for a run's file (transfer), costs what its function does (matched), or
# takes minutes (exact evaluation, whose runs show its time).
TIMED = get_drawn_activations() | {
    run.activation: get_shown(run.activation)
    for run in LEARNED
    if config["activations"][run.activation].get("evaluation") != "exact"
}


# An edit of how a process is prepared for training makes no measurement old.
rule measure_cost:
    input:
        checked=[f"<results>/checks/{name}.json" for name in TIMED if name in OWN],
        functions=modules(*sorted({name for entry in TIMED.values() for name in get_function_modules(entry)})),
        imported=[file for entry in TIMED.values() for file in get_imported(entry)],
        source=modules("cost", "devices", "provenance"),
        process=ancient(
            modules(
                "experiment",
                "kernels",
                "training",
                "steps",
                "diagnostics",
                "optimizers",
                "metrics",
                "protocol",
                "architectures/initialisation",
                "activations/graph",
            )
        ),
    output:
        "<results>/cost.csv",
    params:
        activations=TIMED,
        device=config["device"],
    log:
        "logs/<results>/measure_cost.log",
    # it takes one; the others stay idle, so that nothing disturbs it, but in grids that decide nothing
    threads: lambda wildcards: workflow.cores if config["pathvars"]["results"] == "results" else 1
    conda:
        "../../environment.yml"
    script:
        "../scripts/measure_cost.py"
