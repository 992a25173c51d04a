# From the first source that serves a data set to its prepared, verified arrays.


# By shell: and not by script:, so that no date of a script makes the data old. A plan in which the
# data are fetched again, though they are there, leaves out all that holds them for ancient.
rule fetch_data:
    output:
        expand("data/prepared/{{dataset}}/{part}_{what}.npy", part=["train", "valid", "test"], what=["x", "y"]),
        meta="data/prepared/{dataset}/meta.json",
    params:
        raw="data/raw",
    log:
        "logs/data/{dataset}.log",
    conda:
        "../../environment.yml"
    shell:
        'ACTGRID_WARM=0 "$ACTGRID_PYTHON" -I -S src/actgrid/warm/client.py $PPID workflow/scripts/fetch_data.py'
        " {wildcards.dataset:q} {params.raw:q} {output.meta:q} {log:q}"
