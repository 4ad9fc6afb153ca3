"""How knowledge is transferred: what is trained (`trained.py`) and, later, how the old knowledge is kept."""
