"""The daemon as a service: it starts at login and comes back after a crash or an upgrade."""
