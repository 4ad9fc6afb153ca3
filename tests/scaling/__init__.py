"""More than one machine, on one: a Ray cluster whose workers are killed, studies and training as its jobs."""
