# From the first source that serves a data set to its prepared, verified arrays.
ARRAYS = ["train_x.npy", "train_y.npy", "valid_x.npy", "valid_y.npy", "test_x.npy", "test_y.npy", "meta.json"]


rule fetch_data:
    output:
        expand("data/prepared/{{dataset}}/{array}", array=ARRAYS),
    params:
        raw="data/raw",
    log:
        "logs/data/{dataset}.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/fetch_data.py"
