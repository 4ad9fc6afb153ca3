"""Reporting: figures into report.json, report.md, report.html and the terminal. Floor 4."""
