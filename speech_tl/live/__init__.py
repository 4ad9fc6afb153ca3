"""Words while they are spoken: what is certain, and what may still change. Floor 5."""
