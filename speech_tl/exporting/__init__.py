"""An adapted model in the format of another program, compared with itself, and on the Hub. Floor 5."""
