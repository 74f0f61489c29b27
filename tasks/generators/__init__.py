"""Generators: networks that attacks make examples with, each trained once by a stage of its own."""
