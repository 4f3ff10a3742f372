# glmkit: the verbs. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help env demo test test-all lint bench bench-gpu lab lock

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CORES ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)
STUDY ?= notebooks/studies/bacterial_genes.yaml
export MLFLOW_DISABLE_TELEMETRY := true

help: ## list the verbs
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 12

# The lock holds everything but torch, with hashes. torch is asked for by its one version, so that pip takes the build
# that suits this machine: CUDA from the index by default, a CPU wheel where pip is configured to find one.
$(VENV)/.locked: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; (3, 11) <= sys.version_info[:2] < (3, 14) or sys.exit("glmkit needs Python 3.11 to 3.13; this is " + sys.version.split()[0] + ". Try: make env PYTHON=python3.11")'
	@echo "Making $(VENV) from the locked versions (a few minutes, once) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --quiet --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --quiet "$$(sed -n 's/.*"\(torch==[0-9.]*\)".*/\1/p' pyproject.toml)"
	@$(BIN)/python -m pip install --quiet --quiet --no-deps --no-build-isolation --editable .
	@touch $@

env: $(VENV)/.locked ## make .venv from the locked versions

demo: env ## run the main study on real genomes that ship with glmkit, and print its table and report
	$(BIN)/glmkit run $(STUDY) --cores $(CORES)

test: env ## run the tests, all but those that train for long
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto --dist loadfile -m "not long"

test-all: env ## run all tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto --dist loadfile

lint: env ## ruff, mypy, numpydoc, codespell, and notebooks without outputs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m numpydoc lint $$(git ls-files 'glmkit/*.py' 'widgets/*.py')
	$(BIN)/codespell $$(git ls-files | grep -vE '\.(gz|lock|png|svg|ipynb)$$')
	$(BIN)/nbstripout --keep-id --verify $$(git ls-files '*.ipynb')

bench: env ## time glmkit against its peers, side by side
	$(BIN)/python -m tests.benchmarks

bench-gpu: env ## the same on a CUDA device
	$(BIN)/python tests/benchmarks/gpu/models.py

lab: env ## open JupyterLab on the notebooks, and MLflow beside it
	$(BIN)/glmkit lab

lock: env ## write requirements.lock; UPGRADE=1 resolves every version anew
	$(BIN)/python tests/architecture/lock.py $(if $(UPGRADE),--upgrade)
