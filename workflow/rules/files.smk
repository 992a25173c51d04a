# The config files, read strictly before Snakemake reads them: a key twice, a line that is no YAML.
import sys

from actgrid.config_file import fault

if problem := fault("config.yaml", *workflow.overwrite_configfiles):
    sys.exit(problem)
