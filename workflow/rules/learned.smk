# The learned activations of the grid: their graphs, their shape in numbers, what they are up to.
rule tabulate_curves:
    input:
        graphs=of_learned("graph.csv"),
        preactivations=of_learned("preactivations.csv"),
        source=modules("learned", "scores"),
    output:
        "<results>/learned_curves.csv",
    params:
        runs=LEARNED,
        activations=config["activations"],
    log:
        "logs/<results>/tabulate_curves.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/tabulate_curves.py"


rule measure_shapes:
    input:
        graphs=of_learned("graph.csv"),
        preactivations=of_learned("preactivations.csv"),
        source=modules("learned", "scores", "shapes", "fits", "shape_claims"),
    output:
        shapes="<results>/shapes.csv",
        spread="<results>/shape_spread.csv",
        claims="<results>/shape_claims.csv",
    params:
        runs=LEARNED,
        activations=config["activations"],
    log:
        "logs/<results>/measure_shapes.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/measure_shapes.py"


rule compare_learned:
    input:
        epochs="<results>/epochs.csv",
        published=get_published("learnedactivation"),
        source=modules("learned", "scores"),
    output:
        differences="<results>/differences.csv",
        parity="<results>/parity.csv",
        overall="<results>/parity_overall.csv",
        evaluations="<results>/evaluations.csv",
        collapsed="<results>/collapsed.csv",
        published="<results>/learned_published.csv",
    params:
        activations=config["activations"],
    log:
        "logs/<results>/compare_learned.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/compare_learned.py"


rule draw_learned:
    input:
        curves="<results>/learned_curves.csv",
        source=modules("figures/shapes", "figures/style"),
    output:
        "<figures>/learned/{base}.pdf",
        "<figures>/learned/{base}.svg",
        report(
            "<figures>/learned/{base}.png",
            caption="../report/learned_shapes.rst",
            category="Learned activations",
            labels={"base": "{base}"},
        ),
        "<figures>/learned/{base}.csv",
    wildcard_constraints:
        base="tanh|relu|gelu",
    log:
        "logs/<figures>/learned/{base}.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/draw_learned.py"


rule draw_overview:
    input:
        curves="<results>/learned_curves.csv",
        source=modules("figures/shapes", "figures/style"),
    output:
        "<figures>/learned/overview.pdf",
        "<figures>/learned/overview.svg",
        report(
            "<figures>/learned/overview.png",
            caption="../report/learned_overview.rst",
            category="Learned activations",
        ),
        "<figures>/learned/overview.csv",
    log:
        "logs/<figures>/learned/overview.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/draw_overview.py"


rule draw_reference:
    input:
        points="<figures>/activations.csv",
        source=modules("figures/reference", "figures/shapes", "figures/style"),
    output:
        "<figures>/learned/reference.pdf",
        "<figures>/learned/reference.svg",
        report(
            "<figures>/learned/reference.png",
            caption="../report/reference.rst",
            category="Learned activations",
        ),
        "<figures>/learned/reference.csv",
    log:
        "logs/<figures>/learned/reference.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/draw_reference.py"


rule draw_parity:
    input:
        cells="<results>/parity.csv",
        seeds="<results>/differences.csv",
        source=modules("figures/parity", "figures/shapes", "figures/style"),
    output:
        "<figures>/learned/parity.pdf",
        "<figures>/learned/parity.svg",
        report(
            "<figures>/learned/parity.png",
            caption="../report/parity.rst",
            category="Learned activations",
        ),
        "<figures>/learned/parity.csv",
    log:
        "logs/<figures>/learned/parity.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/draw_parity.py"


rule draw_learned_published:
    input:
        cells="<results>/learned_published.csv",
        source=modules("figures/parity", "figures/shapes", "figures/style"),
    output:
        "<figures>/learned/published.pdf",
        "<figures>/learned/published.svg",
        report(
            "<figures>/learned/published.png",
            caption="../report/learned_published.rst",
            category="Reproduction",
        ),
        "<figures>/learned/published.csv",
    log:
        "logs/<figures>/learned/published.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/draw_learned_published.py"
