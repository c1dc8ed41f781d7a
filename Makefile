# Everything happens in .venv; nothing needs root. PYTHON and TORCH can be overridden:
#   make setup PYTHON=python3.12 TORCH="torch==2.13.0 --index-url ..."
PYTHON ?= python3
TORCH ?= torch==2.13.0
HOME_DIR ?= roadloop-demo
WORKERS ?= 3
RUN ?= $(BIN)/python
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest -p no:cacheprovider
PAGE := src/roadloop/web/static/js src/roadloop/web/static/css tests/web/page

# Tests and the demo start some thousand processes, each of which would compile the program anew where no bytecode is kept.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: setup demo test test-postgresql test-gpu gpu test-services test-cluster audit check check-page format format-page reliability endurance coverage mutate clean

setup: .venv/ready

.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "roadloop needs Python 3.11 or newer (this is $$($(PYTHON) --version)); try make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt $(TORCH)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[torch,transformers,dev]'
	@touch $@

# Twice round the whole loop on generated pictures; the workspace stays to look at.
demo: setup
	$(BIN)/roadloop demo --home $(HOME_DIR)

test: setup
	$(PYTEST) -n $(WORKERS) --dist loadgroup $(PYTEST_ARGS)

# The suites that prove SQLite, on a PostgreSQL server that they start (the distribution's package postgresql).
test-postgresql: setup
	$(PYTEST) -n $(WORKERS) --dist loadgroup tests/jobs tests/storage tests/web tests/end_to_end --database postgresql $(PYTEST_ARGS)

# What needs an NVIDIA GPU; elsewhere these tests are skipped. One GPU is enough.
test-gpu: setup
	$(PYTEST) -m gpu $(PYTEST_ARGS)

# What only an NVIDIA GPU can show, in at most eight minutes; with another Python that has PyTorch for CUDA: RUN=python3
gpu:
	PYTHONPATH=src:$$PYTHONPATH $(RUN) -m benchmarks gpu $(ARGS)

# The kill tests at their first figure; see docs/reliability.md.
reliability: setup
	$(PYTEST) -n $(WORKERS) --dist loadgroup -m reliability --full $(PYTEST_ARGS)

# The same at their long figures, for hours; goes on where it was stopped. ARGS="--only R01,R02 --hours 8"
endurance: setup
	$(BIN)/python tests/endurance $(ARGS)

# Once round a real Label Studio, installed in an environment of its own (1 GB, minutes the first time).
.services/label-studio/ready:
	$(PYTHON) -m venv .services/label-studio
	.services/label-studio/bin/python -m pip install --quiet --disable-pip-version-check label-studio==1.23.2
	@touch $@

# The real MXNet, which the files are compared with (300 MB, seconds).
.services/mxnet/ready:
	$(PYTHON) -m venv .services/mxnet
	.services/mxnet/bin/python -m pip install --quiet --disable-pip-version-check mxnet==1.9.1 numpy==1.23.5
	@touch $@

# A real MLflow, and TensorBoard's own reader of event files (900 MB, a minute or two).
.services/mlflow/ready:
	$(PYTHON) -m venv .services/mlflow
	.services/mlflow/bin/python -m pip install --quiet --disable-pip-version-check mlflow==3.17.2 tensorboard==2.20.0
	@touch $@

# Known weaknesses of the pinned packages. Where there is no network: ARGS="--database PyPI.zip", a stored copy of OSV's database.
.services/audit/ready:
	$(PYTHON) -m venv .services/audit
	.services/audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit==2.10.1
	@touch $@

audit: setup .services/audit/ready
	@$(BIN)/python tests/vulnerabilities.py $(ARGS)

# All of them, and as root with podman, crun, catatonit and debootstrap: the container image, and docs/operate.md to the letter.
test-services: setup .services/audit/ready .services/label-studio/ready .services/mxnet/ready .services/mlflow/ready
	$(PYTEST) -m services $(PYTEST_ARGS)

# A real Ray cluster of three nodes in network namespaces of their own: needs root, and the distribution's package postgresql.
# Its environment adds Ray to what .venv has.
.services/ray/ready: .venv/ready
	$(PYTHON) -m venv .services/ray
	$(BIN)/python -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' \
		> $$(.services/ray/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/venv.pth
	.services/ray/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[ray]'
	@touch $@

test-cluster: .services/ray/ready
	.services/ray/bin/python -m pytest -p no:cacheprovider -m cluster tests/cluster $(PYTEST_ARGS)

# Of the run before, `make test PYTEST_ARGS="--cov --cov-report=xml"`: how many lines ran in the processes of the tests, and
# whether 90 % of those did that the newest 20 commits added. BASE=COMMIT looks at those since another one.
BASE ?= $$(git rev-list --first-parent --max-count=21 HEAD | tail -1)
coverage: setup
	@echo "lines covered: $$($(BIN)/coverage report --format=total) %"
	$(BIN)/diff-cover coverage.xml --compare-branch=$(BASE) --fail-under=90

# What the tests of the modules that pyproject.toml names let live: mutmut changes them in every way that it knows, and lists
# the changes that no test notices; `.venv/bin/mutmut show NAME` shows one. Minutes for a module, so outside CI.
mutate: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check mutmut==3.8.1
	$(BIN)/mutmut run --max-children $(WORKERS)
	$(BIN)/mutmut results

check: setup
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy
	@for file in src/roadloop/networks/templates/*-*/network.py; do $(BIN)/mypy $$file || exit 1; done
	$(BIN)/lint-imports
	@if command -v npx >/dev/null 2>&1; then $(MAKE) --no-print-directory check-page; \
		else echo "Node is not installed: types and format of the page are not checked here."; fi

check-page: node_modules/.package-lock.json
	npx tsc --project tsconfig.json
	npx prettier --check --log-level warn $(PAGE)

node_modules/.package-lock.json: package.json package-lock.json
	npm ci --silent --no-audit --no-fund

format: setup
	$(BIN)/ruff format src tests benchmarks
	$(BIN)/ruff check --fix src tests benchmarks
	@if command -v npx >/dev/null 2>&1; then $(MAKE) --no-print-directory format-page; \
		else echo "Node is not installed: the page's code is left as it is."; fi

format-page: node_modules/.package-lock.json
	npx prettier --write --log-level warn $(PAGE)

clean:
	rm -rf .venv .mypy_cache .ruff_cache .import_linter_cache build mutants node_modules
