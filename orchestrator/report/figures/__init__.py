"""The figures of a report, one description each, which the page and the files draw alike."""
