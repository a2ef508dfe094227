"""Finds installed tools, keys and signed-in programs on this machine; reads, never changes."""
