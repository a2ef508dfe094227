"""The wire between the daemon and its clients."""

VERSION = "0.1.0"
"""Of OpenUsage; pyproject.toml has it from here.  Asking what is installed costs a daemon 15 ms."""
