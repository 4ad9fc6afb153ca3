"""The commands, a thin function each, that `speech_tl.cli` lists. Heavy imports stand inside: --help is instant."""
