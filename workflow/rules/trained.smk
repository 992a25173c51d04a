# Trained activations on small tables: what the networks get right, and where parameters go.
rule fit_logistic:
    input:
        data=ancient("data/prepared/{dataset}/meta.json"),
        source=modules("classification", "scores"),
    output:
        "<results>/{dataset}/logistic_regression.csv",
    log:
        "logs/<results>/{dataset}/fit_logistic.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/fit_logistic.py"


rule measure_trained:
    input:
        confusion=of_source("trainedparameters", "<results>/{dataset}/{architecture}/confusion.csv"),
        layers=of_source("trainedparameters", "<results>/{dataset}/{architecture}/layers.csv"),
        baseline=of_source("trainedparameters", "<results>/{dataset}/logistic_regression.csv"),
        source=modules("classification", "records", "scores"),
    output:
        classification="<results>/classification.csv",
        parameters="<results>/trained_parameters.csv",
    log:
        "logs/<results>/measure_trained.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/measure_trained.py"


rule draw_training:
    input:
        epochs="<results>/{dataset}/{architecture}/epochs.csv",
        source=modules("scores", "figures/training", "figures/style"),
    output:
        "<figures>/{dataset}/{architecture}/training.pdf",
        "<figures>/{dataset}/{architecture}/training.svg",
        report(
            "<figures>/{dataset}/{architecture}/training.png",
            caption="../report/training.rst",
            category="Learning curves",
            labels={"data set": "{dataset}", "architecture": "{architecture}"},
        ),
        "<figures>/{dataset}/{architecture}/training.csv",
    params:
        families=get_families(),
        studies=studies_of("trainedparameters"),
    log:
        "logs/<figures>/{dataset}/{architecture}/training.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/draw_training.py"


rule draw_parameters:
    input:
        layers="<results>/{dataset}/{architecture}/layers.csv",
        source=modules("records", "figures/parameters", "figures/style"),
    output:
        "<figures>/{dataset}/{architecture}/parameters.pdf",
        "<figures>/{dataset}/{architecture}/parameters.svg",
        report(
            "<figures>/{dataset}/{architecture}/parameters.png",
            caption="../report/parameters.rst",
            category="Trained parameters",
            labels={"data set": "{dataset}", "architecture": "{architecture}"},
        ),
        "<figures>/{dataset}/{architecture}/parameters.csv",
    params:
        families=get_families(),
    log:
        "logs/<figures>/{dataset}/{architecture}/parameters.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/draw_parameters.py"
