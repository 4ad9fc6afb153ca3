"""More than one machine: a Ray cluster, and commands as its jobs. Floor 1."""
