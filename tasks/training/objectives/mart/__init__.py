"""MART: adversarial training that weighs images by how wrongly they are classified."""
