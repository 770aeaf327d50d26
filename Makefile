# Two commands: `make demo` runs the whole series on the sample clips, `make test` runs every test. Both set themselves up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test soak lab lint bench clean

demo: $(VENV)/.demo
	$(BIN)/python scripts/demo.py

test: $(VENV)/.test
	$(BIN)/python -m pytest

# hours: every hard input, a thousand scans, fuzzing (docs/hard_inputs.md)
soak: $(VENV)/.soak
	$(BIN)/python scripts/soak.py

# --allow-root: as root (in a container) Jupyter wants it said; the message limit lets whole files of 200 MB through
lab: $(VENV)/.demo
	$(BIN)/jupyter lab --allow-root --ServerApp.root_dir="$(CURDIR)" --LabApp.default_url=/lab/tree/notebooks \
		--ServerApp.tornado_settings='{"websocket_max_message_size": 314572800}' --ServerApp.max_body_size=314572800 $(LAB_OPTIONS)

bench: $(VENV)/.demo
	$(BIN)/python benchmarks/bench.py

lint: $(VENV)/.test
	$(BIN)/ruff check . && $(BIN)/ruff format --check spotterlib scripts tests benchmarks

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Spotter needs Python 3.11 or newer: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[notebooks]'
	touch $@

$(VENV)/.test: $(VENV)/.demo
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[notebooks,test]'
	touch $@

$(VENV)/.soak: $(VENV)/.test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[notebooks,test,soak]'
	touch $@

clean:
	rm -rf $(VENV) runs data/samples
