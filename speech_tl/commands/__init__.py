"""The commands, a thin function each, that `speech_tl.cli` lists; heavy imports stand inside them. Floor 6."""
