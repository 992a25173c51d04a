# One job a run: a cell (dataset, architecture, activation, seed) of the grid.
RUN = "{dataset}/{architecture}/{activation}/{seed}"
IS_LEARNED = "|".join(sorted({re.escape(run.activation) for run in LEARNED})) or "(?!)"
OTHERS = {re.escape(run.activation) for run in RUNS} - set(IS_LEARNED.split("|"))


rule train_run:
    input:
        data=ancient(rules.fetch_data.output),  # verified by content; no younger copy matters
        before=get_learned_before,
        checked=get_checks,
        source=get_run_source,
    output:
        epochs=f"<results>/runs/{RUN}/epochs.csv",
        run=f"<results>/runs/{RUN}/run.json",
        layers=f"<results>/runs/{RUN}/layers.csv",
    wildcard_constraints:
        activation="|".join(sorted(OTHERS)) or "(?!)",
    params:
        settings=get_settings_text,
    log:
        f"logs/<results>/{RUN}.log",
    threads: 1
    resources:
        gpu_slots=int(config["device"] != "cpu"),  # --resources gpu_slots=4: four runs side by side
    conda:
        "../../environment.yml"
    shell:
        '"$ACTGRID_PYTHON" -I -S src/actgrid/warm/client.py $PPID workflow/scripts/train_run.py'
        " {wildcards.dataset:q} {wildcards.architecture:q} {wildcards.activation:q} {wildcards.seed:q}"
        " {params.settings:q} {threads} {input.data[0]:q} {log:q} {output:q}"


# A run that learns its activation leaves that as well, for its figures and for other networks.
use rule train_run as train_learned with:
    output:
        epochs=f"<results>/runs/{RUN}/epochs.csv",
        run=f"<results>/runs/{RUN}/run.json",
        layers=f"<results>/runs/{RUN}/layers.csv",
        activation=f"<results>/runs/{RUN}/activation.pt",
        graph=f"<results>/runs/{RUN}/graph.csv",
        preactivations=f"<results>/runs/{RUN}/preactivations.csv",
    wildcard_constraints:
        activation=IS_LEARNED,
