.PHONY: check test fast coverage mutation matrix picture figures house digests

check:  ## formatted, linted, typed
	python -m ruff format --check .
	python -m ruff check .
	python -m mypy

test:  ## everything
	python -m pytest

fast:  ## what needs neither Ray nor much time
	python -m tests.fast

coverage:  ## branches that the quick tests take, those of every process that they start too
	python -m coverage erase
	python -m coverage run -m pytest -m "not slow and not cluster and not fault"
	python -m coverage combine -q
	python -m coverage report

mutation:  ## which mistakes of tests/mutation/areas the tests notice
	python -m tests.mutation

matrix:  ## the quick tests on other versions of Python and of the libraries; needs uv
	python -m tests.matrix

picture:  ## docs/images/architecture.svg from its text; needs Graphviz
	dot -Tsvg docs/images/architecture.dot -o docs/images/architecture.svg

figures:  ## docs/digits.csv and the picture of README.md, measured again; then put into README.md what is printed
	advsweep launch --space digits
	advsweep results digits --sql "SELECT trial_id, examples, clean_correct, robust_correct, worst_case_correct FROM trials \
		ORDER BY trial_id" --format csv > docs/digits.csv
	advsweep report digits --figure tradeoff --formats png --out build
	mv build/tradeoff.png docs/images/digits_tradeoff.png
	advsweep results digits

digests:  ## keep the code of our own parts, and what they compute, as it is: after a version was raised, or where none need be
	python -m tests.part_digests
	python -m tests.part_values

house:  ## the figures of the code in docs/architecture.md
	python -m tests.measure_house
