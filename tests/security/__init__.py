"""Hostile data, models, paths and requests: what would run, be read or be shown if they were trusted."""
