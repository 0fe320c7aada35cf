"""What everything else stands on: errors, configuration, registries, random streams, estimates, run directories."""
