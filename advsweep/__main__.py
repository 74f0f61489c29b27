"""`advsweep` and `python -m advsweep`: the command line."""

from orchestrator.cli import main

if __name__ == "__main__":
    main()
