# The page to look through all runs with, and its copy beside the report.
EXPLORE_PARTS = ["page.html", "page.css", "1_base.js", "2_axes.js", "3_parallel.js", "4_table.js", "5_curves.js", "6_main.js"]


rule build_explore:
    input:
        tables=expand("<results>/{table}.csv", table=["runs", "epochs", "final_epoch"]),
        points="<figures>/activations.csv",
        learned=["<results>/learned_curves.csv"] if LEARNED else [],
        parts=expand("workflow/report/explore/{part}", part=EXPLORE_PARTS),
        base="config.yaml",
        source=modules("explore", "explore_runs", "learned", "scores", "summary", "shorthand", "crosschecks", "figures/style"),
    output:
        "<report>/explore.html",
        "report/explore.html",
    params:
        config=config,
    log:
        "logs/<report>/build_explore.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/build_explore.py"
