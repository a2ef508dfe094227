"""Wires our hooks into the agents' own configuration, checks the wiring, and takes it out again."""
