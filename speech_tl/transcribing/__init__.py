"""Recordings into text: long audio cut at quiet places, decoded in batches across files, written in five formats."""
