"""The typed options of models and decoding; light to import."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from speech_tl.models.audio_context import WINDOW_S
from speech_tl.options import Options


class ModelOptions(Options):
    """Which pre-trained model is adapted.

    Attributes:
        source: a Hub id, a folder (also an adapter's), `starter-wav2vec2` or `starter-whisper`; "new:wav2vec2" and
            "new:whisper" start from nothing in the given `shape`.
        language: code or name; Whisper's language token, or an MMS adapter. None takes the manifest's.
        task: Whisper's task.
        revision: branch, tag or commit of a Hub id.
        from_scratch: the same network with random weights, to see what transfer is worth.
        audio_context: what Whisper's encoder is given. "full": 30 s, as published. "auto": what the utterances need,
            many times faster on short ones; after training dev is scored both ways, and the adapted model is decoded
            so only where that costs less than a point of WER, else with 30 s. A number: at least so many seconds, in
            decoding too, whatever it costs; the cost is reported. The checkpoint itself is always scored with 30 s.
        full_context_share: share of the training utterances that get 30 s all the same, so that the model goes on
            working on 30 s; more is safer and slower.
        shape: configuration fields of a new model.
    """

    source: str = "starter-wav2vec2"
    language: str | None = None
    task: str = "transcribe"
    revision: str | None = None
    from_scratch: bool = False
    audio_context: Literal["auto", "full"] | float = "auto"
    full_context_share: float = Field(1 / 32, ge=0, le=1)
    shape: dict[str, Any] = Field({})

    @field_validator("audio_context", mode="before")
    @classmethod
    def _context(cls, value: Any) -> Any:
        """One message instead of one for each kind of value."""
        seconds = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= WINDOW_S
        if not (seconds or value in ("auto", "full")):
            raise ValueError(f"expected auto, full, or seconds up to {WINDOW_S:g}")
        return value


class SUTA(Options):
    """Test-time adaptation of a CTC model to the one utterance that is being transcribed (see `decoding/suta.py`).

    Attributes:
        steps: optimiser steps for each utterance; each costs a forward and a backward pass.
        learning_rate: of AdamW; None is the paper's 2e-5, for a small model 1e-3 (see `decoding/suta.py`).
        temperature: scores are divided by it before the losses, so that confident frames still have a gradient.
        entropy_share: weight of the entropy loss; the rest is that of the confusion loss.
        feature_encoder: move the convolutional front end too, not the normalisation layers alone; much slower.
    """

    steps: int = Field(10, ge=1, le=10**6)
    learning_rate: float | None = Field(None, gt=0, le=1)
    temperature: float = Field(2.5, gt=0)
    entropy_share: float = Field(0.3, ge=0, le=1)
    feature_encoder: bool = False

    def __str__(self) -> str:
        """For the record beside a WER."""
        what = "front end and normalisation layers" if self.feature_encoder else "normalisation layers"
        rate = "the model's rate" if self.learning_rate is None else f"{self.learning_rate:g}"
        return (
            f"SUTA ({self.steps} steps at {rate}, temperature {self.temperature:g}, "
            f"entropy {self.entropy_share:g}, {what})"
        )


class DecodingOptions(Options):
    """How utterances become hypotheses; the same for the figure before and the figure after.

    Attributes:
        batch_seconds: upper bound on `utterances * longest` of one batch, in seconds of audio; None picks by device.
        max_batch: upper bound on the utterances of one batch.
        beam: beam width; 1 is greedy. With `lm` or `hotwords` CTC searches with 50 where nobody says more than 1, with
            hotwords Whisper with 5. Unless somebody says, `transcribe`, `serve` and `live` search with 2 for a Whisper
            on a CPU.
        temperature: 0 takes the most probable tokens; above, Whisper's are drawn, their scores divided by it. CTC draws
            nothing.
        lm: an n-gram model, FILE.arpa or KenLM's FILE.bin, for CTC: `speech-tl lm` makes one from texts.
        lm_weight: how much it counts against the sound; None is 0.8, and `adapt` chooses it and `word_bonus` on dev.
        word_bonus: for each word, in natural log units, as language models like few words; None is 1.
        hotwords: a file of names and terms, one a line, that are written more readily.
        hotword_weight: in natural log units, for each of their letters; None is 1.5 for CTC and 0.4 for Whisper; more
            finds more of them and invents some.
        precision: "float32", "bf16" or "fp16"; half precisions need a GPU; "int8" for the engine ctranslate2.
        engine: "torch", or "ctranslate2" for Whisper, which is refused if it writes other words. Where nobody says,
            `transcribe` takes the latter in int8 for a Whisper on a CPU, and everything that measures torch.
        audio_context: "auto" gives Whisper's encoder what the model's folder says (30 s where it says nothing); "full"
            gives it 30 s.
        prompt: text that a Whisper is shown as if it stood before what it writes: names and terms, as they are to be
            written.
        test_time: adapt to each utterance before it is transcribed, and back; for CTC, and slow. While a model is
            trained its dev utterances are decoded without.
        shortcuts: compute the same in faster ways than the published code; false takes that code, to compare.
        workers: processes that load audio for a GPU, or batches at a time on a CPU; None picks by machine.
    """

    batch_seconds: float | None = Field(None, gt=0)
    max_batch: int = Field(32, ge=1)
    beam: int = Field(1, ge=1, le=1000)
    temperature: float = Field(0.0, ge=0, le=1)
    lm: Path | None = None
    lm_weight: float | None = Field(None, ge=0, le=100)
    word_bonus: float | None = Field(None, ge=-100, le=100)
    hotwords: Path | None = None
    hotword_weight: float | None = Field(None, ge=0, le=100)
    precision: str = Field("float32", pattern="^(float32|bf16|fp16|int8)$")
    engine: Literal["torch", "ctranslate2"] = "torch"
    audio_context: Literal["auto", "full"] = "auto"
    prompt: str | None = None
    test_time: SUTA | None = None
    shortcuts: bool = True
    workers: int | None = Field(None, ge=0, le=1024)

    @model_validator(mode="after")
    def _drawn_or_searched(self) -> DecodingOptions:
        if self.temperature and self.beam > 1:
            raise ValueError(f"temperature {self.temperature:g} draws tokens, beam {self.beam} searches: leave one out")
        return self

    @model_validator(mode="after")
    def _of_the_engine(self) -> DecodingOptions:
        if self.precision == "int8" and self.engine != "ctranslate2":
            raise ValueError("precision int8 is for engine ctranslate2: say so, or leave it out")
        return self

    @model_validator(mode="after")
    def _own_weights(self) -> DecodingOptions:
        if self.test_time and self.engine != "torch":
            raise ValueError(f"test_time moves the model's own weights, engine {self.engine} has a copy: leave one out")
        return self

    def conditions(self) -> dict[str, Any]:
        """What could change a transcript, for the record beside every WER (workers and shortcuts cannot).

        The window, and what is fused, is the model's to say: `AcousticModel.decoding_conditions`; adaptation is
        `decoding`'s.
        """
        ours = {"lm", "lm_weight", "word_bonus", "hotwords", "hotword_weight"}
        unsaid = {"workers", "shortcuts", "audio_context", "test_time", *ours}
        unsaid |= {name for name in ("temperature", "prompt") if not getattr(self, name)}
        return self.model_dump(exclude=unsaid)

    @property
    def fuses(self) -> bool:
        """Whether hypotheses are scored by more than their sound."""
        return self.lm is not None or self.hotwords is not None

    @property
    def weights_open(self) -> bool:
        """Whether nobody said how much the language model counts."""
        return self.lm is not None and (self.lm_weight is None or self.word_bonus is None)

    def of_the_sound(self) -> DecodingOptions:
        """The same without whatever else helps: for judging weights that are being trained."""
        return self.model_copy(update={"test_time": None, "lm": None, "hotwords": None})

    def greedy(self) -> DecodingOptions:
        """The same without a search and without what is fused into it."""
        return self.model_copy(update={"beam": 1, "lm": None, "hotwords": None})
