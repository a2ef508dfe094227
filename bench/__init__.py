"""Measures what docs/performance.md promises: `python -m bench [--quick] [name ...]`."""
