"""The typed options of models and decoding; light to import."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class ModelOptions(BaseModel):
    """Which pre-trained model is adapted.

    Attributes:
        source: a Hub id, a folder, `starter-wav2vec2` or `starter-whisper`; "new:wav2vec2" and "new:whisper" start
            from nothing in the given `shape`.
        language: code or name; Whisper's language token, or an MMS adapter. None takes the manifest's.
        task: Whisper's task.
        revision: branch, tag or commit of a Hub id.
        from_scratch: the same network with random weights, to see what transfer is worth.
        audio_context: what Whisper trains on: "full" 30 s windows; "trimmed" to what a batch needs, many times faster
            on short clips; "auto" trims where the checkpoint was pre-trained so. Scores always see 30 s.
        shape: configuration fields of a new model.
    """

    model_config = ConfigDict(extra="forbid")

    source: str = "starter-wav2vec2"
    language: str | None = None
    task: str = "transcribe"
    revision: str | None = None
    from_scratch: bool = False
    audio_context: Literal["auto", "full", "trimmed"] = "auto"
    shape: dict[str, Any] = {}


class DecodingOptions(BaseModel):
    """How utterances become hypotheses; the same for the figure before and the figure after.

    Attributes:
        batch_seconds: upper bound on `utterances * longest` of one batch, in seconds of audio.
        max_batch: upper bound on the utterances of one batch.
        beam: beam width; 1 is greedy. CTC knows greedy only.
        precision: "float32", "bf16" or "fp16"; half precisions need a GPU.
        workers: processes that decode audio and compute features beside the model; None picks by machine.
    """

    model_config = ConfigDict(extra="forbid")

    batch_seconds: float = Field(240.0, gt=0)
    max_batch: int = Field(32, ge=1)
    beam: int = Field(1, ge=1)
    precision: str = Field("float32", pattern="^(float32|bf16|fp16)$")
    workers: int | None = Field(None, ge=0)

    def conditions(self) -> dict[str, Any]:
        """What could change a transcript, for the record beside every WER (worker counts cannot)."""
        return self.model_dump(exclude={"workers"})
