# One job a run: a cell (dataset, architecture, activation, seed) of the grid.
rule train_run:
    input:
        data=ancient(rules.fetch_data.output),  # verified by content; no younger copy matters
        source=get_run_source,
    output:
        epochs="<results>/runs/{dataset}/{architecture}/{activation}/{seed}/epochs.csv",
        run="<results>/runs/{dataset}/{architecture}/{activation}/{seed}/run.json",
    params:
        settings=get_settings,
    log:
        "logs/<results>/{dataset}/{architecture}/{activation}/{seed}.log",
    benchmark:
        "logs/<results>/{dataset}/{architecture}/{activation}/{seed}.tsv"
    threads: 1
    conda:
        "../../environment.yml"
    script:
        "../scripts/train_run.py"
