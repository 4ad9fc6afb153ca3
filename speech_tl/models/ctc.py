"""The wav2vec2 family (wav2vec2, HuBERT, WavLM, Data2Vec-audio, XLS-R, MMS): an encoder with a CTC head.

CTC: Graves et al. 2006. wav2vec 2.0: Baevski et al. 2020 (arXiv 2006.11477).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Container, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel, Wav2Vec2CTCTokenizer
from transformers.modeling_outputs import BaseModelOutput

from speech_tl.errors import BadInput
from speech_tl.models import mms
from speech_tl.models.attention import BY_LENGTH
from speech_tl.models.base import AcousticModel, Batch, DecodingOptions, linear_layers
from speech_tl.models.ctc_fused import beam_search, fused_conditions, searches
from speech_tl.models.ctc_words import align_words, labels_of, words_of
from speech_tl.models.filterbank import fix_filterbank, trainable_convolutions
from speech_tl.models.frame_words import FrameWord
from speech_tl.models.front import FrontEnd, Samples, computed
from speech_tl.models.frozen import FrozenStage, all_frozen
from speech_tl.models.heads import LayersHead, give_head, linear_of, new_linear, said, save_own
from speech_tl.models.hotwords import read_hotwords
from speech_tl.models.positions import rearrange
from speech_tl.models.transformers_output import quiet_transformers
from speech_tl.text import ctc_characters, fit_case, leading_rate, spelt_words
from speech_tl.text.style import FINAL_MARKS

EXACT_IN_BATCHES = {"wav2vec2", "hubert", "wavlm", "unispeech", "unispeech-sat"}
"""Architectures whose result a test shows not to depend on padding once a mask is given."""


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
        self._last_spelt = ("", "")
        self.delimiter = tokenizer.word_delimiter_token
        self.exact_in_batches = network.config.model_type in EXACT_IN_BATCHES
        self.front = FrontEnd(network)
        self._positions = rearrange(network)
        fix_filterbank(network)
        self._middle: tuple[float, list[torch.Tensor]] | None = None

    def _around(self, network: PreTrainedModel) -> CTCModel:
        """See `AcousticModel`; its front end is its own."""
        other = super()._around(network)
        other.front = FrontEnd(network)
        other._positions = rearrange(network)
        return other

    # ---- text <-> labels

    def encode(self, text: str) -> list[int]:
        """Character ids of `text`: its words in the vocabulary's case, joined by the delimiter.

        Tags that the run's normaliser drops, characters without a row, and words that have no other, are left out.
        """
        between = [self.vocabulary[self.delimiter]] if self.delimiter in self.vocabulary else []
        ids: list[int] = []
        for word in self.spelt(text).split():
            spelt = [self.vocabulary[c] for c in word if c in self.vocabulary]
            ids += between + spelt if ids and spelt else spelt
        return ids

    def packed_labels(self, texts: Sequence[str], ends_s: Sequence[float], rng: np.random.Generator) -> list[int]:
        """The texts one after the other."""
        return self.encode(" ".join(texts))

    def packing_tokens(self, text: str) -> int:
        """Nothing: what can be heard can be written."""
        return 0

    @property
    def packing_room(self) -> int:
        """As long as the audio."""
        return 0

    def spelt(self, text: str) -> str:
        """A text as the model writes it; the last one is remembered, as a check asks several things about each text."""
        last, spelt = self._last_spelt
        if text != last:
            spelt = label_text(self.scored_by.without_tags(text), self.vocabulary, self.language)
            self._last_spelt = (text, spelt)
        return spelt

    def unwritable(self, text: str) -> set[str]:
        """Characters of the words of `text` without a row in the head."""
        return {c for c in self.spelt(text) if c != " " and c not in self.vocabulary}

    def writes_style(self) -> bool:
        """Whether the vocabulary has a letter in both cases, or a mark that ends sentences."""
        letters = {token for token in self.vocabulary if len(token) == 1 and token != self.delimiter}
        return any(c.lower() != c and c.lower() in letters for c in letters) or bool(letters & FINAL_MARKS)

    def label_problem(self, text: str, duration_s: float) -> str | None:
        """CTC needs a frame for each character and one more between equal neighbours (Graves et al. 2006)."""
        labels = self.encode(text)
        if not labels:
            return "no character that the model can write"
        needed = len(labels) + sum(map(operator.eq, labels, labels[1:]))
        frames = self.front.frames(round(duration_s * self.sample_rate))
        return None if needed <= frames else f"labels longer than CTC frames ({needed} > {frames})"

    # ---- waveform -> batch

    def features(self, waveform: np.ndarray) -> dict[str, np.ndarray]:
        """`input_values` `(samples,)`, padded to the shortest clip the convolutions take."""
        if self.normalise_waveform:
            waveform = (waveform - waveform.mean()) / np.sqrt(waveform.var() + 1e-7)
        shortfall = self.front.shortest - len(waveform)
        return {"input_values": np.pad(waveform, (0, shortfall)) if shortfall > 0 else waveform}

    def collate(self, features: Sequence[dict[str, np.ndarray]], labels: Sequence[Sequence[int]] | None) -> Batch:
        """`input_values` `(batch, samples)` or a fixed stage's output `(batch, frames, width)`, `lengths` `(batch,)` in
        samples, `labels` `(batch, characters)`.
        """
        name = next(key for key in features[0] if key != "samples")
        rows = [torch.from_numpy(f[name]) for f in features]
        batch = {
            name: nn.utils.rnn.pad_sequence(rows, batch_first=True),
            "lengths": torch.tensor([int(f.get("samples", len(f[name]))) for f in features]),
        }
        if labels is not None:
            rows = [torch.tensor(ids, dtype=torch.long) for ids in labels]
            batch["labels"] = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-100)
        return batch

    def padded_seconds(self, batch: Batch) -> float:
        """Seconds of the batch as one rectangle."""
        return len(batch["lengths"]) * float(batch["lengths"].max()) / self.sample_rate

    # ---- what stays as it is

    def frozen_stage(self, frozen: Sequence[nn.Module], whole: bool = True) -> FrozenStage | None:
        """The encoder where all of it is fixed and nothing random is before or in it, else the front end."""
        base, config = self.network.base_model, self.network.config
        if not self.exact_in_batches or not all_frozen(self.parts()["feature_encoder"], frozen):
            return None
        above = [module for name, module in base.named_children() if name != "feature_extractor"]
        masked = config.apply_spec_augment and max(config.mask_time_prob, config.mask_feature_prob) > 0
        reads_one = getattr(base, "adapter", None) is None and not (self.own_head and self.own_head.weighted)
        if whole and reads_one and not masked and self._middle is None and all_frozen(above, frozen):
            return FrozenStage("encoded", config.hidden_size, base)
        return FrozenStage("front", self.front.width, base.feature_extractor)

    @torch.no_grad()
    def with_stage(self, stage: FrozenStage, batch: Batch, dtype: torch.dtype = torch.float16) -> Batch:
        """The batch with the stage's output in place of its waveforms."""
        if stage.name == "front":
            output = self.front.outputs(batch["input_values"], batch["lengths"])
        else:
            output = self._through(stage.module, batch).last_hidden_state
        return {stage.name: output.to(dtype), **{key: value for key, value in batch.items() if key != "input_values"}}

    def stage_frames(self, stage: FrozenStage, samples: Samples) -> Samples:
        """Frames of the stage's output for clips of so many samples."""
        return self.front.frames(samples)

    # ---- batch -> loss or text

    def logits(self, network: nn.Module, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Scores `(batch, frames, vocabulary)` and each utterance's frames `(batch,)`; padding changes neither."""
        frames = self.front.frames(batch["lengths"])
        heard = {"frames": frames} if self.own_head else {}
        if "encoded" in batch:
            hidden = batch["encoded"][:, : int(frames.max())].float()
            with computed(self.network.base_model, BaseModelOutput(last_hidden_state=hidden)):
                return network(hidden, **heard).logits, frames
        return self._through(network, batch, **heard).logits, frames

    def _through(self, network: nn.Module, batch: Batch, **heard: torch.Tensor) -> Any:
        """What the network, or its base, gives for a batch; `heard` is what a head of our own wants to know."""
        for positions in self._positions:
            positions.on = self.shortcuts
        lengths, front = batch["lengths"], batch.get("front")
        samples = int(lengths.max())
        padded = bool((lengths < samples).any())
        mask = (torch.arange(samples, device=lengths.device) < lengths[:, None]).long() if padded else None
        if front is None and self.shortcuts and self.exact_in_batches:
            values = batch["input_values"]
            front = self.front.outputs(values, lengths) if self.front.is_faster_alone(values) else None
        if front is not None:
            hidden = front[:, : self.front.frames(samples)].float().transpose(1, 2)
            with computed(self.front.module, hidden):
                return network(hidden, attention_mask=mask, **heard)
        with self.front.heeding(lengths if padded else None):
            return network(batch["input_values"][:, :samples], attention_mask=mask, **heard)

    @property
    def scores_frames(self) -> bool:
        """It does."""
        return True

    @property
    def frame_samples(self) -> int:
        """What the convolutions' strides make together."""
        return math.prod(stride for _, stride in self.front.strides)

    def blank_and_delimiter(self) -> tuple[int, int | None]:
        """CTC's blank, and the label between words where the vocabulary has one."""
        return self.blank, self.vocabulary.get(self.delimiter)

    def frame_log_probabilities(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """The head's log probabilities, blank included, and each row's frames."""
        logits, frames = self.logits(self.network, batch)
        return nn.functional.log_softmax(logits.float(), dim=-1), frames

    def loss(self, network: nn.Module, batch: Batch) -> torch.Tensor:
        """Sum over utterances of the CTC loss per character; impossible pairs count as zero."""
        logits, frames = self.logits(network, batch)
        loss = self._ctc_loss(logits, frames, batch["labels"])
        if self._middle is None:
            return loss
        weight, states = self._middle
        hidden = self.network.base_model.encoder.layer_norm(states.pop().float())
        return (1 - weight) * loss + weight * self._ctc_loss(self.network.lm_head(hidden), frames, batch["labels"])

    def label_scores(self, network: nn.Module, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """The head's scores at every frame of each utterance's own."""
        logits, frames = self.logits(network, batch)
        spoken = torch.arange(logits.shape[1], device=logits.device) < frames.to(logits.device)[:, None]
        return logits[spoken], spoken.nonzero()[:, 0]

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
        """On a CPU the plain code: its backward pass is faster than that of the fused one with a mask. Long utterances
        get the fused one all the same, where the architecture has it.
        """
        if self.device.type != "cpu":
            return None
        return BY_LENGTH if self.network.config._attn_implementation == "sdpa" else "eager"

    def attach_auxiliary_ctc(self, weight: float) -> None:
        """Also read the same head's CTC loss off the middle layer (Lee & Watanabe 2021, arXiv 2102.03216)."""
        if self.own_head:
            raise BadInput("training.auxiliary_ctc reads the middle layer with a linear head: leave it out here")
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
        """Greedy CTC (best label of each frame, repeats merged, blanks dropped), or a beam search."""
        if searches(options):
            return [text for text, _, _ in self._searched(batch, options)]
        return self._texts(self._best(batch)[0])

    @torch.inference_mode()
    def transcribe_scored(self, batch: Batch, options: DecodingOptions) -> list[tuple[str, float]]:
        """See `AcousticModel`."""
        if searches(options):
            return [(text, self._confidence(labels, scores)) for text, labels, scores in self._searched(batch, options)]
        best, logits = self._best(batch)
        spoken = best != self.blank
        surest = nn.functional.log_softmax(logits.float(), dim=-1).amax(-1).masked_fill(~spoken, 0).sum(-1)
        means = (surest / spoken.sum(-1)).exp().nan_to_num(0)
        return list(zip(self._texts(best), means.tolist(), strict=True))

    @torch.inference_mode()
    def transcribe_words(self, batch: Batch, options: DecodingOptions) -> list[tuple[str, list[FrameWord]]]:
        """See `AcousticModel`."""
        if searches(options):
            return [(text, self._words(labels, scores)) for text, labels, scores in self._searched(batch, options)]
        best, logits = self._best(batch)
        rows = zip(best.cpu(), logits, self.front.frames(batch["lengths"]).tolist(), strict=True)
        words = [self._words(labels_of(path[:count].tolist(), self.blank), row[:count]) for path, row, count in rows]
        return list(zip(self._texts(best), words, strict=True))

    def _searched(self, batch: Batch, options: DecodingOptions) -> list[tuple[str, list[int], torch.Tensor]]:
        """Of each utterance the text, its labels, and the frames' log probabilities `(frames, vocabulary)`."""
        search = beam_search(self, options)
        scores, frames = self.frame_log_probabilities(batch)
        rows = [row[:count].cpu() for row, count in zip(scores, frames.tolist(), strict=True)]
        found = [search.best(row.numpy())[0].labels for row in rows]
        return list(zip(self.spelt_by(found), found, rows, strict=True))

    def spelt_by(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """The texts of labels that stand for themselves: no blanks, no repeats to merge."""
        return self.tokenizer.batch_decode(rows, skip_special_tokens=False, group_tokens=False)

    def _confidence(self, labels: list[int], scores: torch.Tensor) -> float:
        """Of a text that was searched: geometric mean over the frames of its labels."""
        return align_words(scores, [labels], self.blank, None)[0][2] if labels else 0.0

    def _words(self, labels: Sequence[int], scores: torch.Tensor) -> list[FrameWord]:
        """The words that `labels` spell, placed by the frames' scores `(frames, vocabulary)`."""
        blank, delimiter = self.blank_and_delimiter()
        spelt = words_of(labels, delimiter)
        if leading_rate(self.language) != "wer":  # written without spaces: every character is placed
            spelt, delimiter = [[label] for word in spelt for label in word], None
        placed = align_words(nn.functional.log_softmax(scores.float(), dim=-1), spelt, blank, delimiter)
        texts = self.spelt_by(spelt)
        return [FrameWord(text, *place) for text, place in zip(texts, placed, strict=True) if text.strip()]

    def _best(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Best label of each frame `(batch, frames)`, blank in padding and for what is not spoken; and all scores."""
        logits, frames = self.logits(self.network, batch)
        best = logits.argmax(-1)
        silent = torch.arange(best.shape[1], device=best.device)[None] >= frames[:, None]
        silent |= torch.isin(best, torch.tensor(sorted(self.unspoken), device=best.device))
        return best.masked_fill(silent, self.blank), logits

    @property
    def unspoken(self) -> set[int]:
        """Labels of special tokens, blank among them."""
        return set(self.tokenizer.all_special_ids) - {self.vocabulary.get(self.delimiter)} | {self.blank}

    def set_hotwords(self, path: Path | None, weight: float | None) -> None:
        """See `AcousticModel`; the search reads them again, see `ctc_fused`."""
        if path is not None:
            read_hotwords(path, self.source, self.spelt, self.unwritable)

    def decoding_conditions(self, options: DecodingOptions) -> dict[str, str]:
        """The search, where there is one."""
        return fused_conditions(options)

    def _texts(self, best: torch.Tensor) -> list[str]:
        # Left to the tokenizer, skipping special tokens would skip blanks before repeats are merged: "helo".
        return self.tokenizer.batch_decode(best.cpu(), skip_special_tokens=False)

    # ---- parts and files

    @property
    def own_head(self) -> LayersHead | None:
        """A head that no network of transformers has; None for the usual linear one."""
        head = self.network.lm_head
        return head if isinstance(head, LayersHead) else None

    def new_head(self, *, weighted: bool, units: int, fresh: bool, seed: int) -> None:
        """Give the network another head, drawn with `seed`; one that is as wanted or a linear layer that fits stays.

        Args:
            weighted: read a learned weighted sum of all layers instead of the last one.
            units: of a BiLSTM under the linear layer, each way; 0 is none.
            fresh: start the linear layer anew.
            seed: of new weights.
        """
        if not fresh and self.own_head and self.own_head.describe() == {"weighted": weighted, "units": units}:
            return
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            old = linear_of(self.network)
            fits = old.in_features == self.network.config.hidden_size and not (fresh or units)
            if weighted or units:
                head = give_head(self.network, weighted, units, old if fits else None)
                if fits:
                    head.favour_last_layer()
            elif fresh:
                self.network.lm_head = new_linear(old.in_features, old.out_features, self.network.config).to(old.weight)

    def parts(self) -> dict[str, list[nn.Module]]:
        """The convolutional front end, the transformer over it, the linear head."""
        base = self.network.base_model
        front = trainable_convolutions(self.network)
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

    def output_layers(self) -> list[nn.Module]:
        """The linear head."""
        return [self.network.lm_head]

    def new_rows(self) -> list[tuple[nn.Parameter, int]]:
        """Of the linear head, where characters were added."""
        linear, added = linear_of(self.network), len(self.added_characters)
        return [(weight, len(weight) - added) for weight in (linear.weight, linear.bias)] if added else []

    def language_adapters(self) -> list[nn.Module]:
        """The adapter of each layer, where the checkpoint has them."""
        return mms.adapters(self.network)

    def forget_language(self, seed: int) -> None:
        """Start the language adapters and the head anew."""
        mms.start_anew(self.network, seed)
        self.new_head(weighted=False, units=0, fresh=True, seed=seed)

    def save_language_adapter(self, folder: Path) -> None:
        """Write the language's adapter and head as MMS checkpoints have them, for `target_lang`."""
        mms.save_adapter(self.network, self.language, folder)

    def adaptable(self) -> dict[str, nn.Linear]:
        """WavLM's attention hands its projections' weights to a function of torch: an adapter there would be deaf."""
        found = linear_layers(self.network, [self.network.base_model.encoder.layers])
        deaf = self.network.config.model_type == "wavlm"
        return {name: module for name, module in found.items() if not (deaf and ".attention." in name)}

    def describe(self) -> dict[str, Any]:
        """What the model is, for reports; a head of our own is said."""
        own = {"head": said(self.own_head.describe())} if self.own_head else {}
        return super().describe() | own

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
        """Write config, safetensors, vocabulary and feature extractor.

        With a head of our own the folder says so, and `speech_tl.load_model` alone loads it.
        """
        if self.own_head:
            save_own(self.network, Path(folder))
        else:
            with quiet_transformers():
                self.network.save_pretrained(folder)
        self.save_processor(folder)

    def save_processor(self, folder: str | Path) -> None:
        """Write vocabulary and feature extractor."""
        from transformers import Wav2Vec2FeatureExtractor

        self.tokenizer._set_processor_class("Wav2Vec2Processor")  # AutoProcessor knows not all architectures
        self.tokenizer.save_pretrained(folder)
        Wav2Vec2FeatureExtractor(
            sampling_rate=self.sample_rate,
            do_normalize=self.normalise_waveform,
            return_attention_mask=not self.front.norms,
        ).save_pretrained(folder)


def label_text(text: str, vocabulary: Container[str], language: str | None = None) -> str:
    """The text CTC learns: without punctuation, in the case that the vocabulary writes (the published English ones
    know upper case only) and by the language's rules of case.
    """
    return fit_case(spelt_words(text, language), vocabulary, language)


def vocabulary_for(texts: Iterable[str], known: Container[str], language: str | None = None) -> list[str]:
    """Characters of the train texts that the `known` vocabulary lacks, sorted."""
    return [c for c in ctc_characters(label_text(text, known, language) for text in texts) if c not in known]
