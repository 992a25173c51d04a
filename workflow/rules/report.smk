# From tables and figures to the report.
REPORT_FORMATS = ["md", "tex", "pdf", "html"]
TEMPLATES = expand("{part}.md.j2", part=["report", "handmade", "learned", "trained", "autograd", "gradients"])
LAYOUT = ["xref.lua", "template.tex", "template.typ", "template.html"]


rule render_report:
    input:
        tables=expand("<results>/{table}.csv", table=["runs", "final_epoch"]) + get_reproduction(),
        figures=expand("{figure}.{extension}", figure=get_figures(), extension=["pdf", "svg"]),
        learned=get_learned_tables(),
        trained=get_work_tables("trainedparameters"),
        autograd=get_work_tables("autogradfunctions"),
        gradients=get_work_tables("activationzoo"),
        templates=expand("workflow/report/{name}", name=TEMPLATES),
        layout=expand("workflow/report/{name}", name=LAYOUT),
        bibliography="resources/references.bib",
        trials=expand("resources/{name}.csv", name=["small_conv_widths", "learned_evaluation", "published/banknote_report"]),
        base="config.yaml",
        source=modules(
            "report",
            "report_handmade",
            "report_learned",
            "report_works",
            "verdicts",
            "markdown",
            "summary",
            "rendering",
        ),
    output:
        expand("<report>/report.{extension}", extension=REPORT_FORMATS),
    params:
        config=config,
    log:
        "logs/<report>/render_report.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/render_report.py"


rule publish_report:
    input:
        rules.render_report.output,
    output:
        expand("report/report.{extension}", extension=REPORT_FORMATS),
    params:
        grid=config["grid"],
        figures=config["pathvars"]["figures"],
    log:
        "logs/publish_report.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/publish_report.py"
