"""How knowledge is transferred.

What is trained is in `trained.py`, what is kept in `kept.py`, and what needs no transcripts in `pseudo_label.py`.
"""
