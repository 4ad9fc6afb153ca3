"""Pre-trained recognisers behind one interface: the wav2vec2 family (CTC) and Whisper."""
