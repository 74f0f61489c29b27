"""Images rebuilt from some of their values, as smooth as these allow."""
