"""Certificates: what no attack within a budget can do to a model, a folder for each way to prove it."""
