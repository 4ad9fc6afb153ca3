"""Learning: a thin subclass of the Hugging Face Trainer with our batches, losses and dev WER."""
