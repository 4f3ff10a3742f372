# glmkit: the verbs. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help env demo test lint bench lab lock clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TORCH := $(shell sed -n 's/.*"\(torch==[0-9.]*\)".*/\1/p' pyproject.toml)
export MLFLOW_DISABLE_TELEMETRY := true

help: ## list the verbs
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 12

# The lock holds everything but torch, with hashes. torch is asked for by its one version, so that pip takes the build
# that suits this machine: CUDA from the index by default, a CPU wheel where pip is configured to find one.
$(VENV)/.locked: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info[:2] < (3, 14) else "glmkit needs Python 3.11 to 3.13, this is " + sys.version.split()[0] + "; try make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet $(TORCH)
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

env: $(VENV)/.locked ## make .venv from the locked versions
