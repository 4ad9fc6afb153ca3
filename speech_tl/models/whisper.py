"""Whisper: an encoder over 30 s of log-mel frames, a decoder that writes tokens (Radford et al., arXiv 2212.04356)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import (
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperTokenizer,
)
from transformers.modeling_outputs import BaseModelOutput

from speech_tl.errors import BadInput
from speech_tl.models.attention import BY_LENGTH
from speech_tl.models.audio_context import FULL, AudioContext
from speech_tl.models.auxiliary_ctc import AuxiliaryCTC
from speech_tl.models.base import Batch, DecodingOptions, linear_layers
from speech_tl.models.engine import CTranslate2
from speech_tl.models.favoured import BEAM, WEIGHT, FavouredScores
from speech_tl.models.frame_words import FrameWord, TokenTimes
from speech_tl.models.greedy import Limits, greedy_tokens, heard_languages, is_plain, language_log_probabilities
from speech_tl.models.transformers_output import quiet_transformers
from speech_tl.models.whisper_encoder import ShortContextEncoder, fitted
from speech_tl.models.whisper_scores import only_at
from speech_tl.models.whisper_text import IGNORED, TIMESTAMP_S, WhisperText
from speech_tl.models.whisper_words import alignment_heads, token_times
from speech_tl.scoring.loops import most_characters

TOKENS_WITHOUT_SPEECH, TOKENS_A_SECOND = 30, 50
"""An utterance may get 30 tokens and 50 more for each second of sound. Scripts of three bytes a character take most:
Malayalam up to 43 a second. What all others may write is bounded in characters (`most_characters`)."""

ROWS = ("input_features", "frames", "silence", "labels", "decoder_input_ids")
"""What a training batch holds for each utterance."""

SAVED_CONTEXT = "decoding_audio_context"
"""Key of config.json that says how an adapted model is decoded; plain transformers carries it along and ignores it."""


class WhisperModel(WhisperText):
    """A Whisper checkpoint, multilingual or English-only, 80 or 128 mel bins.

    Attributes:
        decoding_context: see `AcousticModel`; a checkpoint is decoded as its folder says, and one that says nothing
            with all 30 s.
    """

    family = "whisper"
    has_decoder = True

    def __init__(
        self,
        network: WhisperForConditionalGeneration,
        tokenizer: WhisperTokenizer,
        extractor: WhisperFeatureExtractor,
        source: str,
        language: str | None,
        task: str | None = None,
    ) -> None:
        """Wrap a loaded network and set its language and task for labels and for generation."""
        super().__init__(network, tokenizer, source, language, task, extractor.sampling_rate)
        self.extractor, self.window_limit_s = extractor, float(extractor.chunk_length)
        self.full_frames = 2 * network.config.max_source_positions
        self.frames_a_second = extractor.sampling_rate // extractor.hop_length
        self._silence_samples = extractor.n_fft + 2 * extractor.hop_length
        self.decoding_context = AudioContext.read(getattr(network.config, SAVED_CONTEXT, None))
        self.engine: CTranslate2 | None = None
        network.model.encoder.__class__ = ShortContextEncoder

    def __getstate__(self) -> dict[str, Any]:
        """Loader workers have no use for an engine either."""
        return {**super().__getstate__(), "engine": None}

    def has_twins(self) -> bool:
        """See `AcousticModel`; transformers' own search is not made for threads."""
        return super().has_twins() and is_plain(self.network)

    # ---- waveform -> batch

    def features(self, waveform: np.ndarray) -> dict[str, np.ndarray]:
        """`mel` `(mels, frames)` of the clip, `silence` the value that 30 s padding would have had.

        The published extractor pads the waveform with zeros to 30 s first. Here a clip gets a little more than one
        window of zeros (no more than to 30 s), whose last frame holds the padding's value: the same numbers from the
        frames a clip needs.
        """
        waveform = waveform[: self.extractor.n_samples]
        silence = min(self._silence_samples, self.extractor.n_samples - len(waveform))
        padded = np.pad(waveform, (0, silence)).astype(np.float32)
        mel = self.extractor(
            padded, sampling_rate=self.sample_rate, padding=False, truncation=False, return_tensors="np"
        ).input_features[0]
        return {"mel": mel[:, : self.full_frames], "silence": mel[:, -1].max()}

    def training_features(self, waveform: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """As `features`; `whole_window` says whether this utterance keeps its 30 s although the context is trimmed."""
        return self.features(waveform) | {"whole_window": rng.random() < self.full_share}

    def collate(self, features: Sequence[dict[str, np.ndarray]], labels: Sequence[Sequence[int]] | None) -> Batch:
        """`input_features` `(batch, mels, frames)` with `frames` `(batch,)` of each utterance's own and `silence`
        `(batch,)`, what follows them; with labels also `labels` and `decoder_input_ids` `(batch, tokens)`, and
        `whole_rows`, `trimmed_rows` (indices) where some rows are to get the 30 s.
        """
        own = [min(f["mel"].shape[1], self.full_frames) for f in features]
        context = self.decoding_context if labels is None else self.trained_context
        frames = max(self._window_frames(n, context) for n in own)
        inputs = np.empty((len(features), features[0]["mel"].shape[0], frames), np.float32)
        for row, feature, n in zip(inputs, features, own, strict=True):
            row[:, :n], row[:, n:] = feature["mel"][:, :n], feature["silence"]
        batch = {"input_features": torch.from_numpy(inputs), "frames": torch.tensor(own)}
        batch["silence"] = torch.tensor([float(f["silence"]) for f in features])
        if labels is not None:
            batch |= self.targets(labels)
            whole = torch.tensor([bool(f.get("whole_window", False)) for f in features])
            if whole.any() and frames < self.full_frames:
                batch["whole_rows"], batch["trimmed_rows"] = (flag.nonzero()[:, 0] for flag in (whole, ~whole))
        return batch

    def _window_frames(self, own_frames: int, context: AudioContext) -> int:
        """Mel frames of the window that an utterance of `own_frames` gets."""
        return 2 * context.positions(-(-own_frames // 2), self.full_frames // 2)

    def window_s(self, duration_s: float, context: AudioContext) -> float:
        """Seconds of the window that an utterance gets."""
        own = int(duration_s * self.sample_rate + self._silence_samples) // self.extractor.hop_length
        return self._window_frames(min(own, self.full_frames), context) / self.frames_a_second

    def padded_seconds(self, batch: Batch) -> float:
        """Seconds of the windows of a batch, 30 s ones among them."""
        rows, _, frames = batch["input_features"].shape
        whole = len(batch["whole_rows"]) if "whole_rows" in batch else 0
        return ((rows - whole) * frames + whole * self.full_frames) / self.frames_a_second

    # ---- batch -> loss or text

    def loss(self, network: nn.Module, batch: Batch) -> torch.Tensor:
        """Sum of the cross entropy over target tokens, plus the auxiliary CTC loss where one is attached."""
        if "whole_rows" not in batch:
            return self._window_loss(network, batch)
        parts = {name: {key: batch[key][batch[name]] for key in ROWS} for name in ("trimmed_rows", "whole_rows")}
        whole = parts["whole_rows"]
        whole["input_features"] = fitted(whole["input_features"], whole["silence"], self.full_frames)
        return sum(self._window_loss(network, part) for part in parts.values() if len(part["frames"]))

    def rows(self, batch: Batch, first: int, last: int) -> Batch:
        """Some utterances of a batch; those that get 30 s keep them."""
        part = super().rows({key: batch[key] for key in ROWS if key in batch}, first, last)
        for name in ("whole_rows", "trimmed_rows"):
            if name in batch:
                numbers = batch[name]
                part[name] = numbers[(first <= numbers) & (numbers < last)] - first
        return part

    def _window_loss(self, network: nn.Module, batch: Batch) -> torch.Tensor:
        """The loss of rows whose windows are equally long."""
        labels = batch["labels"]
        wanted = (labels != IGNORED).flatten().nonzero()[:, 0]
        outputs = self._outputs(network, batch, wanted)
        loss = nn.functional.cross_entropy(outputs.logits.float(), labels.flatten()[wanted], reduction="sum")
        auxiliary = getattr(self.network, "auxiliary_ctc", None)
        if auxiliary is not None:
            loss = loss + auxiliary(outputs.encoder_last_hidden_state, batch["frames"] // 2, labels, self.end, IGNORED)
        return loss

    def _outputs(self, network: nn.Module, batch: Batch, wanted: torch.Tensor) -> Any:
        """What the network gives for a batch, its logits at the `wanted` places only."""
        with only_at(self.network.proj_out, wanted):
            return network(
                input_features=batch["input_features"], decoder_input_ids=batch["decoder_input_ids"], use_cache=False
            )

    def label_scores(self, network: nn.Module, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """The decoder's scores at every target token, the end token among them."""
        targets = batch["labels"] != IGNORED
        wanted = targets.flatten().nonzero()[:, 0]
        return self._outputs(network, batch, wanted).logits, targets.nonzero()[:, 0]

    def items(self, batch: Batch) -> int:
        """Target tokens of the batch, the end token among them."""
        return int((batch["labels"] != IGNORED).sum())

    @torch.inference_mode()
    def transcribe(self, batch: Batch, options: DecodingOptions) -> list[str]:
        """Generate without timestamps; one window of at most 30 s an utterance, and no more than can be said in it.

        Each utterance has its own window and limit, so that its text does not depend on its batch.
        """
        return [text for text, _ in self._written(batch, options, scored=False)]

    @torch.inference_mode()
    def transcribe_scored(self, batch: Batch, options: DecodingOptions) -> list[tuple[str, float]]:
        """See `AcousticModel`; the decoder reads each text once more, whoever wrote it."""
        return self._written(batch, options, scored=True)

    def _written(self, batch: Batch, options: DecodingOptions, *, scored: bool) -> list[tuple[str, float]]:
        """Each utterance's text, with its confidence where that is wanted."""
        limits, context = self._limits(batch), self._context(options)
        windows = torch.tensor([self._window_frames(n, context) for n in batch["frames"].tolist()])
        written = [("", 0.0)] * len(windows)
        for frames in windows.unique().tolist():
            rows = (windows == frames).nonzero()[:, 0].to(self.device)
            inputs = fitted(batch["input_features"][rows], batch["silence"][rows], frames)
            tokens = self._generate(inputs, limits.of(rows), options)
            confidences = self._confidences(inputs, tokens) if scored else [0.0] * len(rows)
            for row, text, confidence in zip(rows.tolist(), self._texts(tokens), confidences, strict=True):
                written[row] = text, confidence
        return written

    @property
    def tells_words(self) -> bool:
        """See `AcousticModel`."""
        return True

    @property
    def words_late_s(self) -> float:
        """See `AcousticModel`."""
        return alignment_heads(self.network)[1]

    @property
    def frame_samples(self) -> int:
        """Samples between two positions of the encoder."""
        return 2 * self.extractor.hop_length

    @torch.inference_mode()
    def transcribe_words(self, batch: Batch, options: DecodingOptions) -> list[tuple[str, list[FrameWord]]]:
        """See `AcousticModel`; the texts of `transcribe`, each read once more by the decoder (`whisper_words`)."""
        limits, context = self._limits(batch), self._context(options)
        own = [-(-frames // 2) for frames in batch["frames"].tolist()]
        windows = torch.tensor([self._window_frames(n, context) for n in batch["frames"].tolist()])
        found: list[tuple[str, list[FrameWord]]] = [("", [])] * len(windows)
        for frames in windows.unique().tolist():
            rows = (windows == frames).nonzero()[:, 0].to(self.device)
            inputs = fitted(batch["input_features"][rows], batch["silence"][rows], frames)
            told = self._tokens_with_times(inputs, limits.of(rows), options, [own[row] for row in rows])
            for row, (written, placed) in zip(rows.tolist(), told, strict=True):
                found[row] = self._texts([written])[0], self._words(written, placed)
        return found

    def _tokens_with_times(
        self, inputs: torch.Tensor, limits: Limits, options: DecodingOptions, positions: Sequence[int]
    ) -> list[tuple[list[int], TokenTimes]]:
        """The tokens of text of rows whose windows are equally long, and where they are."""
        if self.engine is not None:
            prompt, how = [*self.context, *self.prompt], (options.beam, options.temperature)
            told = self.engine.tokens_with_times(inputs, prompt, limits.tokens, *how, positions, self.end)
            if not options.temperature:
                texts = self._texts([tokens for tokens, _ in told])
                self.engine.compare(texts, lambda: self._texts(self._tokens_of(inputs, limits, options)))
            return told
        states = self.network.model.encoder(inputs)[0]
        tokens = [self._of_text(row) for row in self._tokens_of(inputs, limits, options, states)]
        return list(
            zip(tokens, token_times(self.network, states, self._prompts(states), tokens, positions), strict=True)
        )

    def _of_text(self, row: Sequence[int] | torch.Tensor) -> list[int]:
        """The tokens of text alone."""
        return [token for token in map(int, row) if token < self.end]

    @torch.inference_mode()
    def no_speech(self, batch: Batch, rows: Sequence[int]) -> list[float]:
        """See `AcousticModel`; the probability of its token for that in place of a language, 0 where it has none."""
        if self.no_speech_token is None:
            return [0.0] * len(rows)
        found = []
        for row in rows:
            frames = self._window_frames(int(batch["frames"][row]), self.decoding_context)
            inputs = fitted(batch["input_features"][row, None], batch["silence"][row, None], frames)
            start = torch.tensor([self.prompt[:1]], device=inputs.device)
            states = self.network.model.encoder(inputs)[0]
            hidden = self.network.model.decoder(input_ids=start, encoder_hidden_states=states, use_cache=False)[0]
            scores = self.network.proj_out(hidden[0, -1]).float().softmax(-1)
            found.append(float(scores[self.no_speech_token]))
        return found

    def durations_s(self, batch: Batch) -> list[float]:
        """See `AcousticModel`; the frame or two of silence behind each are counted."""
        return (batch["frames"] / self.frames_a_second).tolist()

    def _limits(self, batch: Batch) -> Limits:
        """What each utterance may write: one character too many, beside the leading space, gives a loop away."""
        tokens = TOKENS_WITHOUT_SPEECH + batch["frames"] * TOKENS_A_SECOND // self.frames_a_second
        tokens = tokens.clamp(max=self.longest_label - len(self.context) - len(self.prompt))
        characters = [int(most_characters(seconds)) + 1 for seconds in self.durations_s(batch)]
        return Limits(tokens, torch.tensor(characters), self.token_characters).to(self.device)

    def _generate(
        self, inputs: torch.Tensor, limits: Limits, options: DecodingOptions
    ) -> list[list[int]] | torch.Tensor:
        """Tokens of rows whose windows are equally long."""
        if self.engine is None:
            return self._tokens_of(inputs, limits, options)
        prompt = [*self.context, *self.prompt]
        tokens = self.engine.tokens(inputs, prompt, limits.tokens, options.beam, options.temperature)
        if not options.temperature:
            self.engine.compare(self._texts(tokens), lambda: self._texts(self._tokens_of(inputs, limits, options)))
        return tokens

    def _confidences(self, inputs: torch.Tensor, tokens: list[list[int]] | torch.Tensor) -> list[float]:
        """Geometric mean of the probabilities of each row's tokens of text and of the end token."""
        states = self.network.model.encoder(inputs)[0]
        prompts = self._prompts(states)
        rows = [[*self._of_text(row), self.end] for row in tokens]
        wanted = nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], True, self.end).to(states.device)
        lengths = torch.tensor([len(row) for row in rows], device=states.device)
        read = torch.cat([prompts, wanted[:, :-1]], dim=1)
        hidden = self.network.model.decoder(input_ids=read, encoder_hidden_states=states, use_cache=False)[0]
        scores = self.network.proj_out(hidden[:, prompts.shape[1] - 1 :]).float().log_softmax(-1)
        found = scores.gather(-1, wanted[:, :, None])[:, :, 0]
        beyond = torch.arange(wanted.shape[1], device=states.device)[None] >= lengths[:, None]
        return (found.masked_fill(beyond, 0).sum(-1) / lengths).exp().tolist()

    def _texts(self, ids: torch.Tensor | list[list[int]]) -> list[str]:
        return [text.strip() for text in self.tokenizer.batch_decode(ids, skip_special_tokens=True)]

    def _tokens_of(
        self, inputs: torch.Tensor, limits: Limits, options: DecodingOptions, states: torch.Tensor | None = None
    ) -> torch.Tensor:
        """What this network itself writes, `(batch, tokens)`; `states` are the encoder's, where they are known."""
        # generate itself would pad features to 30 s
        heard = self.network.model.encoder(inputs) if states is None else BaseModelOutput(last_hidden_state=states)
        if self._beam(options) == 1 and self.favoured is None and self.shortcuts and is_plain(self.network):
            return greedy_tokens(self.network, heard[0], self._prompts(heard[0]), limits, options.temperature)
        return self._generated(heard, limits.tokens, options)

    def _beam(self, options: DecodingOptions) -> int:
        """Hypotheses that are kept; hotwords want several where nobody says how many."""
        wanted = options.hotwords is not None and options.beam == 1 and not options.temperature
        return BEAM if wanted else options.beam

    def _prompts(self, states: torch.Tensor) -> torch.Tensor:
        """Each row's first tokens `(rows, tokens)`; the language is heard where nobody said it."""
        prompts = torch.tensor([*self.context, *self.prompt], device=states.device).repeat(len(states), 1)
        if self.language is None:
            prompts[:, len(self.context) + 1] = heard_languages(self.network, states)
        return prompts

    def _generated(self, heard: BaseModelOutput, allowed: torch.Tensor, options: DecodingOptions) -> torch.Tensor:
        """Tokens as transformers' own search finds them; `allowed` `(batch,)` tokens each."""
        asked: dict[str, Any] = {"temperature": options.temperature, "top_k": 0} if options.temperature else {}
        if self.context:
            asked["prompt_ids"] = torch.tensor(self.context, device=self.device)
        if self.favoured is not None:
            asked["logits_processor"] = [FavouredScores(self.favoured, len(self.context) + len(self.prompt))]
        with quiet_transformers():
            ids = self.network.generate(
                encoder_outputs=heard,
                num_beams=self._beam(options),
                do_sample=bool(options.temperature),
                **asked,
                return_timestamps=False,
                max_new_tokens=int(allowed.max()),
            )
        beyond = torch.arange(ids.shape[1], device=ids.device)[None] >= allowed[:, None]
        return ids.masked_fill(beyond, self.end)

    @property
    def chooses_language(self) -> bool:
        """See `AcousticModel`."""
        return self.multilingual and self.language is None

    @property
    def languages(self) -> dict[str, int]:
        """See `AcousticModel`."""
        settings = self.network.generation_config
        return (
            {token.strip("<|>"): number for token, number in settings.lang_to_id.items()} if self.multilingual else {}
        )

    @torch.inference_mode()
    def language_scores(self, waveform: np.ndarray) -> dict[str, float]:
        """See `AcousticModel`; the sound is heard as published, in a window of 30 s."""
        names = {token: code for code, token in self.languages.items()}
        found = self.features(waveform)
        mel, silence = torch.from_numpy(found["mel"])[None], torch.tensor([float(found["silence"])])
        inputs = fitted(mel.float(), silence, self.full_frames).to(self.device)
        known, scores = language_log_probabilities(self.network, self.network.model.encoder(inputs)[0])
        return {names[token]: score for token, score in zip(known.tolist(), scores[0].tolist(), strict=True)}

    def _context(self, options: DecodingOptions) -> AudioContext:
        """The windows that utterances are decoded with."""
        return FULL if options.audio_context == "full" else self.decoding_context

    def set_engine(self, options: DecodingOptions) -> None:
        """Convert the weights as they are now, unless that was done."""
        if options.engine == "torch":
            self.engine = None
        elif self.engine is None or not self.engine.fits(self, options.precision):
            if self.language is None:
                raise BadInput(f"engine {options.engine} must be told the language: give --language")
            self.engine = CTranslate2(self, options.precision)

    def decoding_conditions(self, options: DecodingOptions) -> dict[str, Any]:
        """Which windows the encoder is given, and which hotwords are favoured how much."""
        told: dict[str, Any] = {"audio_context": str(self._context(options))}
        if options.hotwords is not None:
            weight = WEIGHT if options.hotword_weight is None else options.hotword_weight
            told |= {"beam": self._beam(options), "hotwords": options.hotwords.name, "hotword_weight": f"{weight:g}"}
        return told

    # ---- parts and files

    def parts(self) -> dict[str, list[nn.Module]]:
        """The two convolutions, the rest of the encoder, the decoder with its tied output."""
        encoder = self.network.model.encoder
        return {
            "feature_encoder": [encoder.conv1, encoder.conv2],
            "encoder": [encoder.layers, encoder.layer_norm],
            "head": [self.network.model.decoder],
        }

    def stages(self) -> list[list[nn.Module]]:
        """Nothing lies below the layers: the positions are fixed sinusoids."""
        encoder = self.network.model.encoder
        stages: list[list[nn.Module]] = [[], *([layer] for layer in encoder.layers)]
        stages[-1].append(encoder.layer_norm)
        return stages

    def adaptable(self) -> dict[str, nn.Linear]:
        """Attention and feed-forward layers of encoder and decoder."""
        model = self.network.model
        return linear_layers(self.network, [model.encoder.layers, model.decoder.layers])

    def set_spec_augment(self, time_share: float, time_width: int, feature_share: float, feature_width: int) -> None:
        """Masks on the log-mel frames."""
        config = self.network.config
        config.apply_spec_augment = time_share > 0 or feature_share > 0
        config.mask_time_prob, config.mask_time_length, config.mask_time_min_masks = time_share, time_width, 0
        config.mask_feature_prob, config.mask_feature_length = feature_share, feature_width

    def training_attention(self) -> str | None:
        """On a CPU the plain code is faster on short windows; on 30 s ones it would take much memory."""
        return BY_LENGTH if self.device.type == "cpu" and self.trained_context.trims else None

    def set_audio_context(self, option: str | float, full_share: float) -> None:
        """Trim the windows of training, as `model.audio_context` says; decoding has 30 s until that proved harmless."""
        self.trained_context, self.full_share = AudioContext.wanted(option), full_share
        self.decoding_context = FULL

    def set_packing(self, timestamp_share: float) -> None:
        """Windows are filled instead of trimmed; without timestamp tokens the texts follow each other without them."""
        if self.trained_context.at_least_s:
            raise BadInput(
                f"training.packing fills windows of {self.window_limit_s:g} s: leave model.audio_context at auto or "
                f"full, not {self.trained_context.at_least_s:g}"
            )
        last = self.first_timestamp + round(self.window_limit_s / TIMESTAMP_S)
        self.trained_context = FULL
        self.timestamp_share = timestamp_share if last < self.network.config.vocab_size else 0.0

    def attach_auxiliary_ctc(self, weight: float) -> None:
        """Put a CTC head on the encoder: for the tokens of text, which come before the end token, and that one."""
        width = self.network.config.d_model
        self.network.auxiliary_ctc = AuxiliaryCTC(width, self.end + 1, weight).to(self.device)

    def detach_auxiliary_ctc(self) -> None:
        """Remove the CTC head."""
        if hasattr(self.network, "auxiliary_ctc"):
            del self.network.auxiliary_ctc

    def save(self, folder: str | Path) -> None:
        """Write config, generation config, safetensors, tokenizer and feature extractor."""
        setattr(self.network.config, SAVED_CONTEXT, self.decoding_context.saved())
        with quiet_transformers():
            self.network.save_pretrained(folder)
        self.save_processor(folder)

    def save_processor(self, folder: str | Path) -> None:
        """Write tokenizer, feature extractor and generation settings, language and task among them."""
        self.network.generation_config.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        self.extractor.save_pretrained(folder)
