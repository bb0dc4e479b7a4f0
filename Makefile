# What CI runs, by name. `python` is the environment's own.
PYTHON ?= python

.PHONY: check test soak bench demo coverage

check:  ## style and types
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

test:  ## the whole suite
	$(PYTHON) -m pytest

soak:  ## the long forms of the tests of faults: minutes to hours
	$(PYTHON) -m pytest -o addopts= -n 2 -rP tests/soak
	STREAMMSE_SOAK=1 $(PYTHON) -m pytest tests/test_embedded.py tests/test_warmup.py tests/test_robust_metrics.py \
		tests/test_laws.py

coverage:  ## with the lines inside compiled kernels, in a throwaway cache
	cache=$$(mktemp -d) && NUMBA_JIT_COVERAGE=1 STREAMMSE_CACHE=$$cache \
	$(PYTHON) -m pytest --cov --cov-report=term-missing:skip-covered; status=$$?; rm -rf $$cache; exit $$status

bench:  ## the table of ratios on this machine, against the rivals that are installed
	$(PYTHON) -m benchmarks.run

demo:  ## the main job, with a picture
	$(PYTHON) -m streammse run ecg-mains
