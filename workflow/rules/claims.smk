# What the source works say, judged by the runs; claims.yaml is checked before any job starts.
from actgrid.claim_checks import SEE, check_claims

try:
    check_claims(read("claims.yaml", SEE), read("workflow/schemas/claims.schema.yaml"))
except ConfigError as error:
    sys.exit(str(error))

# the tables that verdicts rest on, as far as the grid makes them
CLAIM_TABLES = [
    *("epochs", "final_epoch", "cell_differences"),
    *(["agreement"] if get_published("customactfuncs") else []),
    *(["learned_published", "parity_overall", "shape_claims"] if LEARNED else []),
]


rule judge_claims:
    input:
        claims="claims.yaml",
        base="config.yaml",
        runs="<results>/runs.csv",
        tables=expand("<results>/{table}.csv", table=CLAIM_TABLES),
        trained=get_work_tables("trainedparameters"),
        autograd=get_work_tables("autogradfunctions"),
        gradients=get_work_tables("activationzoo"),
        source=modules("claims", "evidence", "judgement", "markdown", "scores", "shorthand", "crosschecks"),
    output:
        "<results>/claims.csv",
    params:
        config=config,
    log:
        "logs/<results>/judge_claims.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/judge_claims.py"
