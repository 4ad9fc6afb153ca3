"""`python -m speech_tl` is the command `speech-tl`."""

from speech_tl.cli import main

if __name__ == "__main__":
    main()
