"""The wav2vec2 family (wav2vec2, HuBERT, WavLM, Data2Vec-audio, XLS-R, MMS): an encoder with a CTC head.

CTC: Graves et al. 2006. wav2vec 2.0: Baevski et al. 2020 (arXiv 2006.11477).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel, Wav2Vec2CTCTokenizer

from speech_tl.errors import BadInput
from speech_tl.models.base import AcousticModel, Batch, DecodingOptions, linear_layers
from speech_tl.models.filterbank import fix_filterbank
from speech_tl.models.quiet import quiet_transformers
from speech_tl.text import ctc_characters, fit_case, get_normaliser

EXACT_IN_BATCHES = {"wav2vec2", "hubert", "wavlm", "unispeech", "unispeech-sat"}
"""Architectures whose result a test shows not to depend on padding once a mask is given."""


class ValidFramesGroupNorm(nn.GroupNorm):
    """Group norm of one channel a group whose statistics skip padding, so that a batch gives what a clip alone gives.

    The published group-norm checkpoints normalise each channel over time; padded frames would enter the mean and
    the variance. `valid_frames` `(batch,)` holds each utterance's true number of frames, None means all.
    """

    valid_frames: torch.Tensor | None = None

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Normalise `(batch, channels, frames)` over the valid frames of each row."""
        if self.valid_frames is None or bool((self.valid_frames == hidden.shape[-1]).all()):
            return super().forward(hidden)
        frames = self.valid_frames.to(hidden.device).view(-1, 1, 1)
        valid = torch.arange(hidden.shape[-1], device=hidden.device).view(1, 1, -1) < frames
        mean = hidden.masked_fill(~valid, 0).sum(-1, keepdim=True) / frames
        centred = (hidden - mean).masked_fill(~valid, 0)
        variance = centred.square().sum(-1, keepdim=True) / frames
        scale = self.weight.view(1, -1, 1) * torch.rsqrt(variance + self.eps)
        return centred * scale + self.bias.view(1, -1, 1)


class CTCModel(AcousticModel):
    """A network that `AutoModelForCTC` loads, with its characters."""

    family = "ctc"

    def __init__(
        self,
        network: PreTrainedModel,
        tokenizer: Wav2Vec2CTCTokenizer,
        source: str,
        language: str | None,
        sample_rate: int,
        normalise_waveform: bool,
    ) -> None:
        """Wrap a loaded network; `normalise_waveform` brings each clip to zero mean and unit variance."""
        super().__init__(network, source, language, sample_rate)
        self.tokenizer = tokenizer
        self.normalise_waveform = normalise_waveform
        self.blank = int(network.config.pad_token_id)
        self.vocabulary = dict(tokenizer.get_vocab())
        self.delimiter = tokenizer.word_delimiter_token
        self.strides = list(zip(network.config.conv_kernel, network.config.conv_stride, strict=True))
        self.exact_in_batches = network.config.model_type in EXACT_IN_BATCHES
        self._first_norms = _mask_first_norm(network)
        self._trainable_convolutions = fix_filterbank(network)
        self._middle: tuple[float, list[torch.Tensor]] | None = None

    # ---- text <-> labels

    def encode(self, text: str) -> list[int]:
        """Character ids of `text`: normalised, in the vocabulary's case, words joined by the delimiter.

        Characters without a row, and words that have no other, are left out.
        """
        between = [self.vocabulary[self.delimiter]] if self.delimiter in self.vocabulary else []
        ids: list[int] = []
        for word in label_text(text, self.vocabulary).split():
            spelt = [self.vocabulary[c] for c in word if c in self.vocabulary]
            ids += between + spelt if ids and spelt else spelt
        return ids

    def unwritable(self, text: str) -> set[str]:
        """Characters of the normalised `text` without a row in the head."""
        return {c for c in label_text(text, self.vocabulary) if c != " " and c not in self.vocabulary}

    def label_problem(self, text: str, duration_s: float) -> str | None:
        """CTC needs a frame for each character and one more between equal neighbours (Graves et al. 2006)."""
        labels = self.encode(text)
        if not labels:
            return "no character that the model can write"
        needed = len(labels) + sum(a == b for a, b in pairwise(labels))
        frames = self.frames(round(duration_s * self.sample_rate))
        return None if needed <= frames else f"labels longer than CTC frames ({needed} > {frames})"

    def frames(self, samples: int) -> int:
        """Encoder frames of a clip of `samples` samples."""
        for kernel, stride in self.strides:
            samples = (samples - kernel) // stride + 1
        return max(samples, 0)

    # ---- waveform -> batch

    def features(self, waveform: np.ndarray) -> dict[str, np.ndarray]:
        """`input_values` `(samples,)`, padded to the shortest clip the convolutions take."""
        if self.normalise_waveform:
            waveform = (waveform - waveform.mean()) / np.sqrt(waveform.var() + 1e-7)
        shortfall = self.shortest - len(waveform)
        return {"input_values": np.pad(waveform, (0, shortfall)) if shortfall > 0 else waveform}

    @property
    def shortest(self) -> int:
        """Samples that make one encoder frame."""
        samples = 1
        for kernel, stride in reversed(self.strides):
            samples = (samples - 1) * stride + kernel
        return samples

    def collate(self, features: Sequence[dict[str, np.ndarray]], labels: Sequence[Sequence[int]] | None) -> Batch:
        """`input_values` `(batch, samples)`, `lengths` `(batch,)` in samples, `labels` `(batch, characters)`."""
        waveforms = [torch.from_numpy(np.asarray(f["input_values"], np.float32)) for f in features]
        batch = {
            "input_values": nn.utils.rnn.pad_sequence(waveforms, batch_first=True),
            "lengths": torch.tensor([len(w) for w in waveforms]),
        }
        if labels is not None:
            rows = [torch.tensor(ids, dtype=torch.long) for ids in labels]
            batch["labels"] = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-100)
        return batch

    def padded_seconds(self, batch: Batch) -> float:
        """Seconds of the batch as one rectangle."""
        return batch["input_values"].numel() / self.sample_rate

    # ---- batch -> loss or text

    def logits(self, network: nn.Module, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Scores `(batch, frames, vocabulary)` and each utterance's frames `(batch,)`; padding changes neither."""
        values, lengths = batch["input_values"], batch["lengths"]
        even = bool((lengths == values.shape[1]).all())
        kernel, stride = self.strides[0]
        for norm in self._first_norms:
            norm.valid_frames = None if even else torch.div(lengths - kernel, stride, rounding_mode="floor") + 1
        mask = None
        if not even:
            mask = (torch.arange(values.shape[1], device=values.device)[None] < lengths[:, None]).long()
        frames = torch.tensor([self.frames(int(n)) for n in lengths], device=values.device)
        logits = network(values, attention_mask=mask).logits
        if not torch.is_grad_enabled():  # a backward pass may run the norms again: gradient checkpointing
            for norm in self._first_norms:
                norm.valid_frames = None
        return logits, frames

    def loss(self, network: nn.Module, batch: Batch) -> torch.Tensor:
        """Sum over utterances of the CTC loss per character; impossible pairs count as zero."""
        logits, frames = self.logits(network, batch)
        loss = self._ctc_loss(logits, frames, batch["labels"])
        if self._middle is None:
            return loss
        weight, states = self._middle
        hidden = self.network.base_model.encoder.layer_norm(states.pop().float())
        return (1 - weight) * loss + weight * self._ctc_loss(self.network.lm_head(hidden), frames, batch["labels"])

    def _ctc_loss(self, logits: torch.Tensor, frames: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Summed over utterances, each divided by its number of characters."""
        label_lengths = (labels >= 0).sum(-1)
        log_probabilities = nn.functional.log_softmax(logits, dim=-1, dtype=torch.float32).transpose(0, 1)
        with torch.backends.cudnn.flags(enabled=False):
            losses = nn.functional.ctc_loss(
                log_probabilities,
                labels.clamp(min=0),
                frames,
                label_lengths,
                blank=self.blank,
                reduction="none",
                zero_infinity=True,
            )
        return (losses / label_lengths.clamp(min=1)).sum()

    def training_attention(self) -> str | None:
        """On a CPU the plain code: its backward pass is faster than that of the fused one with a mask."""
        return "eager" if self.device.type == "cpu" else None

    def attach_auxiliary_ctc(self, weight: float) -> None:
        """Also read the same head's CTC loss off the middle layer (Lee & Watanabe 2021, arXiv 2102.03216)."""
        layers = self.network.base_model.encoder.layers
        states: list[torch.Tensor] = []

        def keep(layer: nn.Module, inputs: tuple, output: torch.Tensor | tuple) -> None:
            states[:] = [output[0] if isinstance(output, tuple) else output]

        self._middle = (weight, states)
        self._hook = layers[(len(layers) - 1) // 2].register_forward_hook(keep)

    def detach_auxiliary_ctc(self) -> None:
        """Forget the middle layer again."""
        if self._middle is not None:
            self._hook.remove()
            self._middle = None

    def items(self, batch: Batch) -> int:
        """Utterances of the batch."""
        return len(batch["lengths"])

    @torch.inference_mode()
    def transcribe(self, batch: Batch, options: DecodingOptions) -> list[str]:
        """Greedy CTC: best label of each frame, repeats merged, blanks dropped."""
        if options.beam > 1:
            raise BadInput(f"decoding.beam={options.beam}: CTC models are decoded greedily, use beam=1")
        logits, frames = self.logits(self.network, batch)
        best = logits.argmax(-1)
        silent = torch.arange(best.shape[1], device=best.device)[None] >= frames[:, None]
        unspoken = set(self.tokenizer.all_special_ids) - {self.vocabulary.get(self.delimiter)}
        silent |= torch.isin(best, torch.tensor(sorted(unspoken), device=best.device))
        # Left to the tokenizer, skipping special tokens would skip blanks before repeats are merged: "helo".
        return self.tokenizer.batch_decode(best.masked_fill(silent, self.blank).cpu(), skip_special_tokens=False)

    # ---- parts and files

    def parts(self) -> dict[str, list[nn.Module]]:
        """The convolutional front end, the transformer over it, the linear head."""
        base = self.network.base_model
        front = self._trainable_convolutions
        encoder = [m for name, m in base.named_children() if name != "feature_extractor"]
        return {"feature_encoder": front, "encoder": encoder, "head": [self.network.lm_head]}

    def stages(self) -> list[list[nn.Module]]:
        """Projection and positions, then the layers; where the last norm stands depends on the architecture."""
        base, encoder = self.network.base_model, self.network.base_model.encoder
        ends_in_norm = any(name in type(encoder).__name__ for name in ("StableLayerNorm", "Conformer"))
        beside = {name: module for name, module in encoder.named_children() if name != "layers"}
        above = [beside.pop("layer_norm")] if ends_in_norm and "layer_norm" in beside else []
        above += [module for name, module in base.named_children() if name == "adapter"]
        below = [m for name, m in base.named_children() if name not in ("feature_extractor", "encoder", "adapter")]
        stages: list[list[nn.Module]] = [[*below, *beside.values()], *([layer] for layer in encoder.layers)]
        stages[-1] += above
        return stages

    def adaptable(self) -> dict[str, nn.Linear]:
        """WavLM's attention hands its projections' weights to a function of torch: an adapter there would be deaf."""
        found = linear_layers(self.network, [self.network.base_model.encoder.layers])
        deaf = self.network.config.model_type == "wavlm"
        return {name: module for name, module in found.items() if not (deaf and ".attention." in name)}

    def set_spec_augment(self, time_share: float, time_width: int, feature_share: float, feature_width: int) -> None:
        """Masks on the projected features; `masked_spec_embed` fills time masks."""
        config, base = self.network.config, self.network.base_model
        if time_share > 0 and not hasattr(base, "masked_spec_embed"):  # left out of networks built without masks
            fill = torch.empty(config.hidden_size, device=self.device).uniform_()
            base.masked_spec_embed = nn.Parameter(fill, requires_grad=False)
        config.apply_spec_augment = time_share > 0 or feature_share > 0
        config.mask_time_prob, config.mask_time_length, config.mask_time_min_masks = time_share, time_width, 0
        config.mask_feature_prob, config.mask_feature_length = feature_share, feature_width

    def save(self, folder: str | Path) -> None:
        """Write config, safetensors, vocabulary and feature extractor."""
        from transformers import Wav2Vec2FeatureExtractor

        with quiet_transformers():
            self.network.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        Wav2Vec2FeatureExtractor(
            sampling_rate=self.sample_rate,
            do_normalize=self.normalise_waveform,
            return_attention_mask=not self._first_norms,
        ).save_pretrained(folder)


def _mask_first_norm(network: PreTrainedModel) -> list[ValidFramesGroupNorm]:
    """Make every group norm of the front end skip padding; they keep their weights and names."""
    norms = [m for m in network.base_model.feature_extractor.modules() if isinstance(m, nn.GroupNorm)]
    for norm in norms:
        norm.__class__ = ValidFramesGroupNorm
    return norms


def label_text(text: str, vocabulary: Container[str]) -> str:
    """The text CTC learns: without punctuation, in the case that the vocabulary writes (the published English ones
    know upper case only).
    """
    return fit_case(get_normaliser("basic")(text), vocabulary)


def vocabulary_for(texts: Iterable[str], known: Container[str]) -> list[str]:
    """Characters of the train texts that the `known` vocabulary lacks, sorted."""
    return [c for c in ctc_characters(label_text(text, known) for text in texts) if c not in known]


def extend_head(network: PreTrainedModel, size: int) -> None:
    """Grow the linear head to `size` rows, keeping the rows it has; new rows start like a fresh head."""
    old = network.lm_head
    if size == old.out_features:
        return
    new = nn.Linear(old.in_features, size, device=old.weight.device, dtype=old.weight.dtype)
    nn.init.normal_(new.weight, std=network.config.initializer_range)
    nn.init.zeros_(new.bias)
    with torch.no_grad():
        kept = min(size, old.out_features)
        new.weight[:kept], new.bias[:kept] = old.weight[:kept], old.bias[:kept]
    network.lm_head = new
    network.config.vocab_size = size
