"""Pre-trained recognisers behind one interface: the wav2vec2 family (CTC) and Whisper."""

import os

# torch's convolutions and matrix products on a CPU keep a plan, with its scratch memory, for every shape that they have
# seen, up to 1 024 of them: hundreds of megabytes over a few thousand utterances, and hardly one is used again. oneDNN
# keeps them, and so does torch's own layer above it. Both are read at the first one.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")
os.environ.setdefault("LRU_CACHE_CAPACITY", "64")
