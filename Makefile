.PHONY: check test fast picture house

check:  ## formatted, linted, typed
	python -m ruff format --check .
	python -m ruff check .
	python -m mypy

test:  ## everything
	python -m pytest

fast:  ## what needs neither Ray nor much time
	python -m pytest -m "not slow and not cluster and not fault"

picture:  ## docs/images/architecture.svg from its text; needs Graphviz
	dot -Tsvg docs/images/architecture.dot -o docs/images/architecture.svg

house:  ## the figures of the code in docs/architecture.md
	python -m tests.measure_house
