# Two commands do everything: `make lab` and `make test`. Each target sets up .venv by itself, once.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
REAL := $(or $(TRANSFER_DATA),$(wildcard ../shared/real))
$(shell mkdir -p build/no-data)
# Tests see the embedded data alone and leave the reader's results in build/ as they are.
EMBEDDED := env -u INCEPTION_V3_WEIGHTS -u TRANSFER_FAST TRANSFER_OFFLINE=1 TRANSFER_DATA=build/no-data KERAS_HOME="$(CURDIR)/build/keras"
# Two halves run side by side; matrix products that each want every core would wait for one another.
NBVAL := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 TRANSFER_BUILD=build/test $(EMBEDDED) $(BIN)/python -m pytest @tests/nbval.args -p no:cacheprovider
# Those that read photographs; ON_PHOTOGRAPHS="09 10" is the main job alone.
ON_PHOTOGRAPHS ?= 06 09 10 11 12
ON_REAL := env TRANSFER_OFFLINE=1 TRANSFER_DATA="$(REAL)"

.PHONY: help lab cluster run refresh translate test test-real real-results claims faults release assignments bench site test-browser lock clean
.NOTPARALLEL:

help:
	@echo "make lab        JupyterLab on notebook 00"
	@echo "make cluster    add Ray to .venv, for notebook 13"
	@echo "make run        execute the whole series, write build/executed and build/results.json"
	@echo "make test       linter, unit tests, every notebook as a regression check; offline"
	@echo "make test-real  the image notebooks and the real-data tests on TRANSFER_DATA"
	@echo "make real-results  the whole series on TRANSFER_DATA; keeps its figures in docs/results/real.json"
	@echo "make claims     every notebook with other seeds and other kernels; a stopped run goes on where it was"
	@echo "make faults     kill, fill the disk, attack: count what is lost"
	@echo "make release    student versions of the assignments, in build/release"
	@echo "make assignments  the same, and graded trials of each"
	@echo "make bench      speed and scale, side by side with what a reader would use instead"
	@echo "make site       the site in both languages, in build/site"
	@echo "make test-browser  JupyterLab and the site in Chromium; pictures in build/browser"
	@echo "make refresh    execute the notebooks in place, as they are committed"
	@echo "make translate  the Chinese notebooks from the English ones and locale/zh_CN"
	@echo "make lock       compile requirements.txt anew"
	@echo "make clean      remove .venv and build"

$(READY): requirements.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "No $(PYTHON) here: install Python 3.11 to 3.13, or name one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { echo "$(PYTHON) is $$($(PYTHON) -V 2>&1), wanted is Python 3.11 to 3.13: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) has no venv module: install it (Debian, Ubuntu: apt install python3-venv)"; exit 1; }
	@$(PYTHON) -c 'import platform, sys; sys.exit((platform.system(), platform.machine()) == ("Darwin", "x86_64"))' || { echo "TensorFlow has no current release for a Mac with an Intel processor: use another computer, or Docker (Dockerfile)"; exit 1; }
	@echo "Setting up .venv (a few minutes, once) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

# Extras that only some targets need: .venv/.cluster, .venv/.docs, .venv/.browser
.venv/.%: requirements-%.txt $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

cluster: .venv/.cluster

lab: $(READY)
	@# From the project on, not from notebooks/: the notebooks link to their assignments.
	JUPYTER_CONFIG_PATH="$(CURDIR)$${JUPYTER_CONFIG_PATH:+:$$JUPYTER_CONFIG_PATH}" $(BIN)/jupyter lab --ServerApp.root_dir=. notebooks/00_start_here.ipynb

run: $(READY)
	$(BIN)/python tools/run_notebooks.py

refresh: $(READY)
	rm -rf build/refresh
	TRANSFER_BUILD=build/refresh $(EMBEDDED) $(BIN)/python tools/run_notebooks.py --inplace

translate: $(READY)
	$(BIN)/python tools/translate.py update
	$(BIN)/python tools/translate.py build

test: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	rm -rf build/test
	$(EMBEDDED) $(BIN)/python -m pytest tests --numprocesses auto --dist loadfile --no-loadscope-reorder
	@# Two halves side by side, for few cells keep two cores busy; 10 and 11 use the model of 09 and stay in its half.
	@$(NBVAL) notebooks/0[0-8]* & half=$$!; $(NBVAL) notebooks/09* notebooks/1*; ended=$$?; wait $$half && exit $$ended
	$(BIN)/python tools/check_expected.py embedded build/test/results.json

test-real: $(READY)
	@test -d "$(REAL)" || { echo "No real data: TRANSFER_DATA must name a folder laid out as data/README.md says, got '$(REAL)'"; exit 1; }
	$(ON_REAL) $(BIN)/python -m pytest tests -m real --numprocesses auto --dist worksteal
	$(ON_REAL) TRANSFER_FAST=1 TRANSFER_BUILD=build/real $(BIN)/python tools/run_notebooks.py $(ON_PHOTOGRAPHS)
	$(BIN)/python tools/check_expected.py real build/real/results.json $(ON_PHOTOGRAPHS)

real-results: $(READY)
	@test -d "$(REAL)" || { echo "No real data: TRANSFER_DATA must name a folder laid out as data/README.md says, got '$(REAL)'"; exit 1; }
	$(ON_REAL) TRANSFER_BUILD=build/real-results $(BIN)/python tools/run_notebooks.py
	$(BIN)/python tools/check_expected.py real build/real-results/results.json
	$(BIN)/python tools/real_results.py build/real-results/results.json

claims: $(READY)
	$(BIN)/python tools/claims.py

faults: $(READY)
	$(EMBEDDED) $(BIN)/python tools/faults.py

release: $(READY)
	$(EMBEDDED) $(BIN)/python tools/assignments.py --release

assignments: $(READY)
	$(EMBEDDED) $(BIN)/python tools/assignments.py

bench: $(READY)
	TRANSFER_OFFLINE=1 $(if $(REAL),TRANSFER_DATA="$(REAL)") $(BIN)/python benchmarks/bench.py

# SITE_REPOSITORY=https://github.com/owner/name adds links to the repository and launch buttons.
site: .venv/.docs
	$(BIN)/python tools/build_site.py
	$(BIN)/python tools/check_site.py
	$(BIN)/python -m pytest tests/test_site.py --quiet -p no:cacheprovider

test-browser: .venv/.browser site
	rm -rf build/browser
	$(BIN)/python -m pytest tests/browser --numprocesses 2 --dist loadfile -p no:cacheprovider

LOCK := $(BIN)/uv pip compile --universal --python-version 3.11 pyproject.toml --no-emit-index-url --generate-hashes --no-annotate --no-header --quiet
lock: $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(LOCK) --extra test --extra assignments --output-file requirements.txt
	@for extra in cluster docs browser; do $(LOCK) --extra $$extra --constraint requirements.txt --output-file requirements-$$extra.txt || exit 1; done
	@# For Binder and the container; the one file adds a package and takes the place of what pyproject.toml says of it.
	$(LOCK) .binder/tensorflow.in --override .binder/tensorflow.in --constraint requirements.txt --output-file .binder/requirements.txt

clean:
	rm -rf .venv build
