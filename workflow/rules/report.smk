# From tables and figures to the report, its supplement, and the copies of both in report/.
REPORT_FORMATS = ["md", "tex", "pdf", "html"]
LAYOUT = ["xref.lua", "template.tex", "template.typ", "template.html"]
REPORT_TABLES = ["runs", "final_epoch", "claims", "cost", "comparison", "cell_differences", "rankings", "critical_pairs", "failures", "missing"]
REPORT_TABLES += ["reproduction", "agreement"] if get_published("customactfuncs") else []
TEMPLATES = {  # of a document, its own first
    "report": ["report", "numbers", "claims", "comparison", "explained"],
    "supplement": ["supplement", "handmade", "learned", "trained", "autograd", "gradients"],
}


wildcard_constraints:
    document="|".join(TEMPLATES),


rule render_report:
    input:
        tables=expand("<results>/{table}.csv", table=REPORT_TABLES),
        figures=expand("{figure}.{extension}", figure=get_figures(), extension=["pdf", "svg"]),
        learned=get_learned_tables(),
        trained=get_work_tables("trainedparameters"),
        autograd=get_work_tables("autogradfunctions"),
        gradients=get_work_tables("activationzoo"),
        templates=lambda wildcards: expand("workflow/report/{name}.md.j2", name=TEMPLATES[wildcards.document]),
        layout=expand("workflow/report/{name}", name=LAYOUT),
        bibliography="resources/references.bib",
        trials=expand("resources/{name}.csv", name=["small_conv_widths", "learned_evaluation", "published/banknote_report"]),
        base="config.yaml",
        source=modules(
            "report",
            "report_paper",
            "report_claims",
            "report_cost",
            "report_handmade",
            "report_learned",
            "report_works",
            "judgement",
            "markdown",
            "summary",
            "shorthand",
            "crosschecks",
            "rendering",
        ),
    output:
        expand("<report>/{{document}}.{extension}", extension=REPORT_FORMATS),
    params:
        config=config,
    log:
        "logs/<report>/render_{document}.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/render_report.py"


rule publish_report:
    input:
        expand("<report>/{{document}}.{extension}", extension=REPORT_FORMATS),
    output:
        expand("report/{{document}}.{extension}", extension=REPORT_FORMATS),
    params:
        grid=config["grid"],
        figures=config["pathvars"]["figures"],
    log:
        "logs/publish_{document}.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/publish_report.py"
