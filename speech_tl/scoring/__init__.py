"""Scoring: words compared once, then every figure read from that one result. Floor 1."""
