# From tables to figures, each as PDF, SVG and PNG with its CSV.

rule tabulate_activations:
    input:
        checked=[f"<results>/checks/{name}.json" for name in get_drawn_activations() if name in OWN],
        source=get_activation_source(),
    output:
        "<figures>/activations.csv",
    params:
        activations=get_drawn_activations(),
    log:
        "logs/<figures>/tabulate_activations.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/tabulate_activations.py"


rule draw_activations:
    input:
        points="<figures>/activations.csv",
        source=modules("figures/graphs", "figures/style"),
    output:
        "<figures>/activations.pdf",
        "<figures>/activations.svg",
        report(
            "<figures>/activations.png",
            caption="../report/activations.rst",
            category="Activations",
        ),
    log:
        "logs/<figures>/draw_activations.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/draw_activations.py"


rule draw_final_epoch:
    input:
        epochs="<results>/{dataset}/{architecture}/epochs.csv",
        final="<results>/{dataset}/{architecture}/final_epoch.csv",
        source=modules("scores", "figures/bars", "figures/dots", "figures/compared", "figures/style"),
    output:
        "<figures>/{dataset}/{architecture}/final_epoch.pdf",
        "<figures>/{dataset}/{architecture}/final_epoch.svg",
        report(
            "<figures>/{dataset}/{architecture}/final_epoch.png",
            caption="../report/final_epoch.rst",
            category="Final epoch",
            labels={"data set": "{dataset}", "architecture": "{architecture}", "as": "bars"},
        ),
        "<figures>/{dataset}/{architecture}/final_epoch.csv",
        "<figures>/{dataset}/{architecture}/sorted.pdf",
        "<figures>/{dataset}/{architecture}/sorted.svg",
        report(
            "<figures>/{dataset}/{architecture}/sorted.png",
            caption="../report/sorted.rst",
            category="Final epoch",
            labels={"data set": "{dataset}", "architecture": "{architecture}", "as": "dots"},
        ),
        "<figures>/{dataset}/{architecture}/sorted.csv",
    params:
        families=get_families(),
        baseline=config["comparison"]["baseline"],
    log:
        "logs/<figures>/{dataset}/{architecture}/final_epoch.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/draw_final_epoch.py"


rule draw_learning_curves:
    input:
        epochs="<results>/{dataset}/{architecture}/epochs.csv",
        source=modules("scores", "figures/curves", "figures/style"),
    output:
        "<figures>/{dataset}/{architecture}/learning_curves.pdf",
        "<figures>/{dataset}/{architecture}/learning_curves.svg",
        report(
            "<figures>/{dataset}/{architecture}/learning_curves.png",
            caption="../report/learning_curves.rst",
            category="Learning curves",
            labels={"data set": "{dataset}", "architecture": "{architecture}"},
        ),
        "<figures>/{dataset}/{architecture}/learning_curves.csv",
    params:
        families=get_families(),
    log:
        "logs/<figures>/{dataset}/{architecture}/learning_curves.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/draw_learning_curves.py"


rule draw_published:
    input:
        cells="<results>/reproduction.csv",
        source=modules("figures/agreement", "figures/style"),
    output:
        "<figures>/published.pdf",
        "<figures>/published.svg",
        report(
            "<figures>/published.png",
            caption="../report/published.rst",
            category="Reproduction",
        ),
        "<figures>/published.csv",
    log:
        "logs/<figures>/published.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/draw_published.py"
