# From the first source that serves a data set to its prepared, verified arrays.
ARRAYS = ["train_x.npy", "train_y.npy", "valid_x.npy", "valid_y.npy", "test_x.npy", "test_y.npy", "meta.json"]


# By shell: and not by script:, so that no date of a script makes the data old. A plan in which the
# data are fetched again, though they are there, leaves out all that holds them for ancient.
rule fetch_data:
    output:
        expand("data/prepared/{{dataset}}/{array}", array=ARRAYS),
    params:
        raw="data/raw",
    log:
        "logs/data/{dataset}.log",
    conda:
        "../../environment.yml"
    shell:
        '"$ACTGRID_PYTHON" -P workflow/scripts/fetch_data.py'
        " {wildcards.dataset:q} {params.raw:q} {output[0]:q} {log:q}"
