# From the runs to tables.
rule collect_pair:
    input:
        epochs=get_runs("epochs.csv"),
        runs=get_runs("run.json"),
        layers=get_runs("layers.csv"),
        source=modules("scores", "records"),
    output:
        runs="<results>/{dataset}/{architecture}/runs.csv",
        epochs="<results>/{dataset}/{architecture}/epochs.csv",
        final="<results>/{dataset}/{architecture}/final_epoch.csv",
        layers="<results>/{dataset}/{architecture}/layers.csv",
        confusion="<results>/{dataset}/{architecture}/confusion.csv",
    params:
        studies=get_studies,
    log:
        "logs/<results>/{dataset}/{architecture}/collect.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/collect_pair.py"


rule collect_results:
    input:
        of_pairs("<results>/{dataset}/{architecture}/{{table}}.csv"),
    output:
        "<results>/{table}.csv",
    wildcard_constraints:
        table="runs|epochs|final_epoch",
    log:
        "logs/<results>/collect_{table}.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/collect_results.py"


rule write_workbook:
    input:
        epochs=get_tables("epochs.csv"),
        final="<results>/final_epoch.csv",
        source=modules("tables", "scores"),
    output:
        "<results>/{dataset}.ods",
    log:
        "logs/<results>/workbook_{dataset}.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/write_workbook.py"


rule compare_published:
    input:
        final="<results>/final_epoch.csv",
        published=get_published("customactfuncs"),
        source=modules("scores"),
    output:
        cells="<results>/reproduction.csv",
        agreement="<results>/agreement.csv",
    params:
        studies={k: v for k, v in config["studies"].items() if v["source"] == "customactfuncs"},
        activations=config["activations"],
    log:
        "logs/<results>/compare_published.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/compare_published.py"


rule list_missing:
    output:
        "<results>/missing.csv",
    params:
        runs=get_missing(),
    log:
        "logs/<results>/list_missing.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/list_missing.py"
