# From tables and figures to the report.
REPORT_FORMATS = ["md", "tex", "pdf", "html"]
LAYOUT = ["xref.lua", "template.tex", "template.typ", "template.html"]


rule render_report:
    input:
        tables=expand("<results>/{table}.csv", table=["runs", "final_epoch"]),
        reproduction=get_reproduction(),
        figures=expand("{figure}.{extension}", figure=get_figures(), extension=["pdf", "svg"]),
        template="workflow/report/report.md.j2",
        layout=expand("workflow/report/{name}", name=LAYOUT),
        bibliography="resources/references.bib",
        trials="resources/small_conv_widths.csv",
        base="config.yaml",
        source=modules("report", "summary", "rendering"),
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
