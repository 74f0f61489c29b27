"""The science of advsweep: data, models, stages, attacks and metrics in pure PyTorch.

Nothing here imports Ray, W&B or the orchestrator; `python -m tasks` runs one trial with what is here alone.
"""

__version__ = "0.1.0"
