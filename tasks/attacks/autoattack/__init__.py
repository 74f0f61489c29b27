"""AutoAttack: four attacks, each on the survivors of those before."""
