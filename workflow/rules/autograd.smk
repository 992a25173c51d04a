# Hand-written derivatives on MNIST: ours against the published log, and what the network saw.
rule compare_log:
    input:
        epochs="<results>/epochs.csv",
        published=get_published("autogradfunctions"),
        source=modules("published_log", "scores"),
    output:
        log="<results>/published_log.csv",
        checkpoints="<results>/checkpoints.csv",
        twins="<results>/twins.csv",
    params:
        activations=config["activations"],
        studies=studies_of("autogradfunctions"),
    log:
        "logs/<results>/compare_log.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/compare_log.py"


rule draw_log:
    input:
        cells="<results>/published_log.csv",
        source=modules("figures/published_log", "figures/style"),
    output:
        "<figures>/autograd/published_log.pdf",
        "<figures>/autograd/published_log.svg",
        report(
            "<figures>/autograd/published_log.png",
            caption="../report/published_log.rst",
            category="Reproduction",
        ),
        "<figures>/autograd/published_log.csv",
    log:
        "logs/<figures>/autograd/published_log.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/draw_log.py"


rule draw_seen:
    input:
        data=ancient("data/prepared/mnist_float_bytes/meta.json"),
        plain=ancient("data/prepared/mnist/meta.json"),
        source=modules("figures/seen", "figures/style"),
    output:
        "<figures>/autograd/seen.pdf",
        "<figures>/autograd/seen.svg",
        report(
            "<figures>/autograd/seen.png",
            caption="../report/seen.rst",
            category="Data",
        ),
        "<figures>/autograd/seen.csv",
    params:
        digits=4,
    log:
        "logs/<figures>/autograd/seen.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/draw_seen.py"
