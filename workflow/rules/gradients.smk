# How gradients flow through the layers: from the diagnostics of runs to tables and figures.
rule measure_flow:
    input:
        layers=of_source("activationzoo", "<results>/{dataset}/{architecture}/layers.csv"),
        final="<results>/final_epoch.csv",
        source=modules("flow", "scores"),
    output:
        means="<results>/layer_means.csv",
        summary="<results>/flow_summary.csv",
        histograms="<results>/histograms.csv",
    log:
        "logs/<results>/measure_flow.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/measure_flow.py"


rule draw_flow:
    input:
        means="<results>/layer_means.csv",
        source=modules("figures/flow", "figures/style"),
    output:
        "<figures>/{dataset}/{architecture}/gradient_flow.pdf",
        "<figures>/{dataset}/{architecture}/gradient_flow.svg",
        report(
            "<figures>/{dataset}/{architecture}/gradient_flow.png",
            caption="../report/gradient_flow.rst",
            category="Gradient flow",
            labels={"data set": "{dataset}", "architecture": "{architecture}"},
        ),
        "<figures>/{dataset}/{architecture}/gradient_flow.csv",
    log:
        "logs/<figures>/{dataset}/{architecture}/gradient_flow.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/draw_flow.py"


rule draw_histograms:
    input:
        histograms="<results>/histograms.csv",
        source=modules("figures/flow", "figures/style"),
    output:
        "<figures>/{dataset}/{architecture}/histograms.pdf",
        "<figures>/{dataset}/{architecture}/histograms.svg",
        report(
            "<figures>/{dataset}/{architecture}/histograms.png",
            caption="../report/histograms.rst",
            category="Gradient flow",
            labels={"data set": "{dataset}", "architecture": "{architecture}"},
        ),
        "<figures>/{dataset}/{architecture}/histograms.csv",
    params:
        families=get_families(),
    log:
        "logs/<figures>/{dataset}/{architecture}/histograms.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/draw_histograms.py"


rule draw_units:
    input:
        means="<results>/layer_means.csv",
        source=modules("flow", "scores", "figures/depth", "figures/style"),
    output:
        "<figures>/gradients/units.pdf",
        "<figures>/gradients/units.svg",
        report(
            "<figures>/gradients/units.png",
            caption="../report/units.rst",
            category="Gradient flow",
        ),
        "<figures>/gradients/units.csv",
    params:
        families=get_families(),
    log:
        "logs/<figures>/gradients/units.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/draw_units.py"


rule draw_depth:
    input:
        final="<results>/final_epoch.csv",
        epochs="<results>/epochs.csv",
        source=modules("scores", "figures/depth", "figures/style"),
    output:
        "<figures>/gradients/depth.pdf",
        "<figures>/gradients/depth.svg",
        report(
            "<figures>/gradients/depth.png",
            caption="../report/depth.rst",
            category="Gradient flow",
        ),
        "<figures>/gradients/depth.csv",
    params:
        families=get_families(),
        studies=studies_of("activationzoo"),
    log:
        "logs/<figures>/gradients/depth.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/draw_depth.py"
