# One job a run: a cell (dataset, architecture, activation, seed) of the grid.
RUN = "{dataset}/{architecture}/{activation}/{seed}"


rule train_run:
    input:
        data=ancient("data/prepared/{dataset}/meta.json"),  # verified by content; no younger copy matters
    output:
        epochs=f"<results>/runs/{RUN}/epochs.csv",
        run=f"<results>/runs/{RUN}/run.json",
        layers=f"<results>/runs/{RUN}/layers.csv",
    wildcard_constraints:
        activation=one_of({run.activation for run in RUNS} - {run.activation for run in LEARNED} - AFTER),
    params:
        settings=signed(lambda wildcards: get_settings(wildcards.dataset, wildcards.architecture, wildcards.activation)),
    log:
        f"logs/<results>/{RUN}.log",
    threads: 1
    resources:
        gpu_slots=int(config["device"] != "cpu"),  # --resources gpu_slots=4: four runs side by side
        **get_tmpdir(),
    conda:
        "../../environment.yml"
    shell:
        '"$ACTGRID_PYTHON" -I -S src/actgrid/warm/client.py $PPID workflow/scripts/train_run.py'
        " {wildcards.dataset:q} {wildcards.architecture:q} {wildcards.activation:q} {wildcards.seed:q}"
        " {params.settings:q} {threads} {input.data:q} {log:q} {output:q}"


# A run with one's own activation, which is looked at before, or with one that another run learned.
use rule train_run as train_after with:
    input:
        data=ancient("data/prepared/{dataset}/meta.json"),
        before=get_made_before,
    wildcard_constraints:
        activation=one_of(AFTER),


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
        activation=one_of({run.activation for run in LEARNED}),
