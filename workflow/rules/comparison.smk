# All activations together: against the baseline, ranked where they share cells, what failed.
rule compare_activations:
    input:
        epochs="<results>/epochs.csv",
        runs="<results>/runs.csv",
        source=modules("comparison", "aggregates", "inference", "scores"),
    output:
        cells="<results>/cell_differences.csv",
        comparison="<results>/comparison.csv",
        rankings="<results>/rankings.csv",
        critical="<results>/critical_pairs.csv",
        failures="<results>/failures.csv",
    params:
        settings=config["comparison"],
    log:
        "logs/<results>/compare_activations.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/compare_activations.py"


rule draw_forest:
    input:
        comparison="<results>/comparison.csv",
        cells="<results>/cell_differences.csv",
        source=modules("figures/forest", "figures/compared", "figures/style"),
    output:
        "<figures>/forest.pdf",
        "<figures>/forest.svg",
        report(
            "<figures>/forest.png",
            caption="../report/forest.rst",
            category="Comparison",
        ),
        "<figures>/forest.csv",
    params:
        families=get_families(),
        baseline=config["comparison"]["baseline"],
    log:
        "logs/<figures>/forest.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/draw_forest.py"


rule draw_heatmap:
    input:
        cells="<results>/cell_differences.csv",
        source=modules("figures/heatmap", "figures/compared", "figures/style"),
    output:
        "<figures>/heatmap.pdf",
        "<figures>/heatmap.svg",
        report(
            "<figures>/heatmap.png",
            caption="../report/heatmap.rst",
            category="Comparison",
        ),
        "<figures>/heatmap.csv",
    params:
        families=get_families(),
        baseline=config["comparison"]["baseline"],
    log:
        "logs/<figures>/heatmap.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/draw_heatmap.py"


rule draw_ranks:
    input:
        rankings="<results>/rankings.csv",
        source=modules("figures/ranks", "figures/compared", "figures/style"),
    output:
        "<figures>/ranks.pdf",
        "<figures>/ranks.svg",
        report(
            "<figures>/ranks.png",
            caption="../report/ranks.rst",
            category="Comparison",
        ),
        "<figures>/ranks.csv",
    params:
        families=get_families(),
    log:
        "logs/<figures>/ranks.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/draw_ranks.py"


rule draw_critical:
    input:
        pairs="<results>/critical_pairs.csv",
        source=modules("figures/critical", "figures/style"),
    output:
        "<figures>/critical_difference.pdf",
        "<figures>/critical_difference.svg",
        report(
            "<figures>/critical_difference.png",
            caption="../report/critical_difference.rst",
            category="Comparison",
        ),
        "<figures>/critical_difference.csv",
    params:
        families=get_families(),
    log:
        "logs/<figures>/critical_difference.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/draw_critical.py"


rule draw_cost:
    input:
        final="<results>/final_epoch.csv",
        cost="<results>/cost.csv",
        source=modules("figures/cost", "figures/compared", "figures/style"),
    output:
        "<figures>/cost_accuracy.pdf",
        "<figures>/cost_accuracy.svg",
        report(
            "<figures>/cost_accuracy.png",
            caption="../report/cost_accuracy.rst",
            category="Comparison",
        ),
        "<figures>/cost_accuracy.csv",
    params:
        families=get_families(),
        leave_out=config["comparison"]["leave_out"],
    log:
        "logs/<figures>/cost_accuracy.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/draw_cost.py"
