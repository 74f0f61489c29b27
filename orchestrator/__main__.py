"""`python -m orchestrator`: the command line where no script was installed, as on the nodes of a cluster."""

from orchestrator.cli import main

main()
