"""Plugins: modules of a user's own that bring models, data sets, attacks, objectives or importances.

`source` finds the code of a plugin and names it by its content, `load` imports it, `bundle` carries it to a worker.
"""
