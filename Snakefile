# Table of contents of the workflow; the rules are in workflow/rules/, the manual is config.yaml.
from snakemake.utils import min_version

min_version("9.20")


include: "workflow/rules/planning.smk"
include: "workflow/rules/files.smk"


configfile: "config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/lock.smk"
include: "workflow/rules/targets.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/own.smk"
include: "workflow/rules/check.smk"
include: "workflow/rules/start.smk"
if not config.get("partial"):

    include: "workflow/rules/train.smk"


include: "workflow/rules/results.smk"
include: "workflow/rules/learned.smk"
include: "workflow/rules/trained.smk"
include: "workflow/rules/autograd.smk"
include: "workflow/rules/gradients.smk"
include: "workflow/rules/comparison.smk"
include: "workflow/rules/claims.smk"
include: "workflow/rules/cost.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/explore.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/ending.smk"
include: "workflow/rules/cluster.smk"


rule all:
    input:
        get_final_output(),
    default_target: True
