# An activation looked at before anything is trained with it.
rule check_activation:
    input:
        checks=ancient(modules("activations/checks")),  # edited, it trains nothing again
        source=get_check_source,
    output:
        "<results>/checks/{activation}.json",
    wildcard_constraints:
        activation="[^/]+",
    params:
        entry=get_entry,
    log:
        "logs/<results>/checks/{activation}.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/check_activation.py"


rule show_activation:
    input:
        facts="<results>/checks/{activation}.json",
        source=modules("activations/graph", "checked", "cost", "kernels", "markdown", "figures/checked", "figures/graphs", "figures/style"),
    output:
        "figures/checks/{activation}.txt",
        "figures/checks/{activation}.pdf",
        "figures/checks/{activation}.svg",
        "figures/checks/{activation}.png",
    wildcard_constraints:
        activation="[^/]+",
    params:
        entry=get_entry,
        family=lambda wildcards: get_families()[wildcards.activation],
    log:
        "logs/figures/checks/{activation}.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/show_activation.py"
