# `make` lists the targets. Each one sets up what it needs, and does nothing twice.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CORES ?= all
SNAKEMAKE := $(BIN)/snakemake --cores $(CORES)
READY := $(VENV)/.ready
AUDIT := $(VENV)-audit/bin/pip-audit
# Before Snakemake does, whose words for a file that is no text are a traceback.
READ_CONFIG = test -z "$$CONFIG" || $(BIN)/python -c \
  'import sys; from actgrid.config_file import fault; sys.exit(fault(sys.argv[1]))' "$$CONFIG"

.PHONY: help env demo paper partial test chaos docs bench lint check doctor audit clean

help:
	@echo "make demo   environment, real data, quick grid, report/report.pdf (minutes)"
	@echo "make paper  the full grid: the same as 'snakemake --cores all' (days on a small machine)"
	@echo "make partial [CONFIG=config/quick.yaml]: tables, figures and report of the runs that are there"
	@echo "make test   all tests"
	@echo "make chaos  the quick grid, killed 20 times, against one that nothing disturbs (a quarter of an hour)"
	@echo "make env    the environment alone; then: source .venv/bin/activate"
	@echo "make check  ACTIVATION=name [CONFIG=config/quick.yaml]: one activation's graph, numbers, cost"
	@echo "make doctor what is missing on this machine, and the command that mends it (seconds)"
	@echo "make docs   docs/config.md, from the schema of the config"
	@echo "make bench  times of training beside a plain loop, of activations beside each other (minutes)"
	@echo "make lint   style of the code and of the workflow"
	@echo "make audit  known vulnerabilities of the pinned packages; needs the network"
	@echo "make clean  removes the environment; data, results and reports stay"

env: $(READY)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "actgrid needs Python 3.11 or later; name one: make env PYTHON=/path/to/python3"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@

demo: $(READY)
	$(SNAKEMAKE) --configfile config/quick.yaml
	@echo "The report: report/report.pdf (also .html, .md, .tex). Tables: results/quick/. Figures: figures/quick/."

paper: $(READY)
	$(SNAKEMAKE)
	@echo "The report: report/report.pdf (also .html, .md, .tex). Tables: results/. Figures: figures/."

partial: $(READY)
	@$(READ_CONFIG)
	$(SNAKEMAKE) --config partial=True $${CONFIG:+--configfile "$$CONFIG"}
	@echo "The report: report/report.pdf. The runs that are missing: missing.csv beside the tables."

test: $(READY) # files side by side: some tests mostly wait
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

chaos: $(READY)
	$(BIN)/python tests/chaos.py

docs: $(READY)
	$(BIN)/python -c 'import yaml; from actgrid.config_docs import document; \
	  read = lambda name: yaml.safe_load(open(name)); \
	  print(document(read("workflow/schemas/config.schema.yaml"), read("config.yaml")))' > $(VENV)/config.md
	mv $(VENV)/config.md docs/config.md

bench: $(READY) data/prepared/fashion_mnist/meta.json data/prepared/covertype/meta.json
	$(BIN)/python benchmarks/training.py benchmarks/results.csv
	$(BIN)/python benchmarks/learned_profile.py benchmarks/learned.csv

data/prepared/%/meta.json: | $(READY)
	$(SNAKEMAKE) -- $@

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakemake --lint

check: $(READY)
	@case "$$ACTIVATION" in ''|[._]*|*[!A-Za-z0-9_.]*) \
	  echo "'$$ACTIVATION' is no activation's name; name one: make check ACTIVATION=relu"; exit 1;; esac
	@$(READ_CONFIG)
	@$(BIN)/snakemake --cores 1 --quiet all --forcerun show_activation \
	  $${CONFIG:+--configfile "$$CONFIG"} -- "figures/checks/$$ACTIVATION.txt"
	@cat "figures/checks/$$ACTIVATION.txt"
	@echo "The graph: figures/checks/$$ACTIVATION.png (also .pdf, .svg)"

doctor:
	@if test -x $(BIN)/python; then p=$(BIN)/python; else p=$(PYTHON); fi; \
	  $$p -I workflow/doctor.py $${CONFIG:+"$$CONFIG"}

audit: $(AUDIT)
	@$(PYTHON) .ci/audit.py $(AUDIT)

$(AUDIT):
	$(PYTHON) -m venv $(VENV)-audit
	-$(VENV)-audit/bin/python -m pip install --quiet --retries 1 pip-audit==2.10.1

clean:
	rm -rf $(VENV) $(VENV)-audit
