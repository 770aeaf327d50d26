# Two commands: `make demo` runs the whole series on the sample clips, `make test` runs every test. Both set themselves up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# nothing is compiled beforehand: a third of the time, for modules of which one in five is ever imported; what is, is kept
# (where somebody forbids that, everything is compiled now)
COMPILED := $(if $(PYTHONDONTWRITEBYTECODE),,--no-compile )
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(COMPILED)--constraint constraints.txt \
	--config-settings editable_mode=compat --editable
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo check test soak lab lint bench page clean

demo: $(VENV)/.demo
	$(BIN)/python scripts/demo.py

# the whole detector in one page for a browser: runs/page/index.html
page: $(VENV)/.demo
	$(BIN)/python scripts/make_page.py

# while working: lint, and of most rooms what is tested quickly
FAST := base data splits metrics video/test_formats.py faces/test_crops.py faces/test_tracking.py faces/test_tracks.py \
	faces/test_windows.py fakes/test_animate.py fakes/test_camera.py fakes/test_carriers.py model/test_network.py \
	training/test_losses.py training/test_settings.py evidence/test_draw.py evidence/test_heat.py evidence/test_strip.py \
	evaluation/test_point.py evaluation/test_tables.py notebook/test_progress.py whole/test_package.py whole/test_rooms.py
SLOW := hundred_thousand or near_the_asked or every_pair or a_split_by_file_leaks or names_that_the_card or asked_for_again

check: lint
	$(BIN)/python -m pytest $(addprefix tests/,$(FAST)) -k "not ($(SLOW))"

# two files at a time, those that take longest first (conftest.py), each computing on one core: torch's threads would wait
# for one another, busily
test: $(VENV)/.test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# hours: every hard input, a thousand scans, fuzzing (docs/hard_inputs.md)
soak: $(VENV)/.soak
	$(BIN)/python scripts/soak.py

# --allow-root: as root (in a container) Jupyter wants it said; the hook keeps what running puts in out of the notebooks
lab: $(VENV)/.demo
	$(BIN)/jupyter lab --allow-root --ServerApp.root_dir="$(CURDIR)" --LabApp.default_url=/lab/tree/notebooks/00_scan_a_video.ipynb \
		--FileContentsManager.pre_save_hook=spotterlib.notebook.saving.save_without_outputs $(LAB_OPTIONS)

bench: $(VENV)/.demo
	$(BIN)/python benchmarks/bench.py

lint: $(VENV)/.test
	$(BIN)/ruff check . && $(BIN)/ruff format --check spotterlib scripts tests benchmarks && $(BIN)/lint-imports --no-logo --no-cache && $(BIN)/mypy

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Spotter needs Python 3.11 or newer: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(VENV)/bin/python pyproject.toml constraints.txt
	$(INSTALL) '.[notebooks,onnx]'
	touch $@

$(VENV)/.test: $(VENV)/.demo
	$(INSTALL) '.[notebooks,test]'
	touch $@

$(VENV)/.soak: $(VENV)/.test
	$(INSTALL) '.[notebooks,provenance,test,soak]'
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache runs data/samples
