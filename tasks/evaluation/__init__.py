"""Who judges an attack: predictions, audits and robust accuracy. The attack itself never does."""
