"""CTC heads that read more than the last layer: a learned weighted sum of all layers, a BiLSTM under the linear one.

transformers has no such CTC network. A model with one is saved so that plain `from_pretrained` refuses its folder
instead of loading it with a head of random weights; `speech_tl.load_model` loads it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from transformers.modeling_outputs import CausalLMOutput

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

OWN_TYPE = "speech_tl_ctc"
"""`model_type` in config.json of such a folder: no architecture of transformers."""

WEIGHTS = "speech_tl.safetensors"
"""Not the name that `from_pretrained` looks for, either."""

LAST_LAYER_SHARE = 0.9
"""Where a trained linear layer goes on under a weighted sum, the last layer, which it knows, starts with this share."""

NOTICE = """# A model of speech_tl

Its CTC head is {head}, which no network of transformers has: plain `from_pretrained` does not load this folder.

```python
import speech_tl as st

model = st.load_model("FOLDER")
print(st.transcribe(model, "recording.wav"))
```
"""


class LayersHead(nn.Module):
    """Hidden states of all layers -> scores of each frame.

    The weighted sum is that of ELMo (Peters et al. 2018, arXiv 1802.05365) as SUPERB uses it (Yang et al. 2021, arXiv
    2105.01051), which also reads a BiLSTM's output for recognition.

    Attributes:
        weighted: whether all layers are read, by a softmax over learned scores; else the last one alone.
        units: of the BiLSTM in each direction; 0 is none.
    """

    def __init__(self, linear: nn.Linear, width: int, states: int, weighted: bool, units: int) -> None:
        """Around `linear`, which reads what lies before it; `states` hidden states `width` wide are given."""
        super().__init__()
        self.weighted, self.units = weighted, units
        if weighted:
            self.scores = nn.Parameter(torch.zeros(states))
        if units:
            self.lstm = nn.LSTM(width, units, batch_first=True, bidirectional=True)
        self.linear = linear

    def favour_last_layer(self) -> None:
        """Start from what the last layer says, where the linear layer was trained on that."""
        if self.weighted:
            others = len(self.scores) - 1
            with torch.no_grad():
                self.scores[-1] = math.log(LAST_LAYER_SHARE / (1 - LAST_LAYER_SHARE) * max(others, 1))

    def forward(self, states: tuple[torch.Tensor, ...], frames: torch.Tensor | None = None) -> torch.Tensor:
        """`states` each `(batch, frames, width)`, the last layer's last -> `(batch, frames, vocabulary)`.

        `frames` `(batch,)` are each utterance's own: the BiLSTM's way back starts at the last of them.
        """
        hidden = states[-1]
        if self.weighted:
            shares = self.scores.softmax(0)
            hidden = sum(share * state for share, state in zip(shares, states, strict=True))
        if self.units:
            hidden = self._both_ways(hidden, frames)
        return self.linear(hidden)

    def _both_ways(self, hidden: torch.Tensor, frames: torch.Tensor | None) -> torch.Tensor:
        """The BiLSTM over each utterance's own frames."""
        if frames is None or bool((frames == hidden.shape[1]).all()):
            return self.lstm(hidden)[0]
        packed = nn.utils.rnn.pack_padded_sequence(hidden, frames.cpu(), batch_first=True, enforce_sorted=False)
        packed, _ = self.lstm(packed)
        return nn.utils.rnn.pad_packed_sequence(packed, batch_first=True, total_length=hidden.shape[1])[0]

    def describe(self) -> dict[str, Any]:
        """What it is, as config.json keeps it."""
        return {"weighted": self.weighted, "units": self.units}


class ReadsLayers:
    """A CTC network whose head is a `LayersHead`."""

    def forward(
        self,
        input_values: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        frames: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> CausalLMOutput:
        """As the network's own, with `frames` `(batch,)` for the head."""
        wanted = self.lm_head.weighted
        outputs = self.base_model(input_values, attention_mask=attention_mask, output_hidden_states=wanted, **kwargs)
        states = (*outputs.hidden_states[:-1], outputs.last_hidden_state) if wanted else (outputs.last_hidden_state,)
        states = (*states[:-1], self.dropout(states[-1]))
        return CausalLMOutput(logits=self.lm_head(states, frames))


def give_head(network: PreTrainedModel, weighted: bool, units: int, linear: nn.Linear | None) -> LayersHead:
    """Put a `LayersHead` on a CTC network, around `linear` or, with None, a new linear layer; returns the head."""
    config = network.config
    width = config.hidden_size
    linear = linear or new_linear(2 * units or width, linear_of(network).out_features, config)
    head = LayersHead(linear, width, config.num_hidden_layers + 1, weighted, units)
    network.lm_head = head.to(device=network.device, dtype=network.dtype)
    network.__class__ = _reading_layers(type(network))
    config.layerdrop = 0.0  # a skipped layer has no state to give
    return head


def linear_of(network: PreTrainedModel) -> nn.Linear:
    """The layer that gives each character its score."""
    return network.lm_head.linear if isinstance(network.lm_head, LayersHead) else network.lm_head


def new_linear(width: int, rows: int, config: PretrainedConfig) -> nn.Linear:
    """An untrained linear head."""
    linear = nn.Linear(width, rows)
    nn.init.normal_(linear.weight, std=config.initializer_range)
    nn.init.zeros_(linear.bias)
    return linear


def extend_head(network: PreTrainedModel, size: int) -> None:
    """Grow the linear head to `size` rows, keeping the rows it has; new rows start like a fresh head."""
    old = linear_of(network)
    if size == old.out_features:
        return
    new = new_linear(old.in_features, size, network.config).to(old.weight)
    with torch.no_grad():
        kept = min(size, old.out_features)
        new.weight[:kept], new.bias[:kept] = old.weight[:kept], old.bias[:kept]
    if isinstance(network.lm_head, LayersHead):
        network.lm_head.linear = new
    else:
        network.lm_head = new
    network.config.vocab_size = size


@cache
def _reading_layers(kind: type) -> type:
    """The class of networks of a `kind` whose head reads layers."""
    return kind if issubclass(kind, ReadsLayers) else type(kind.__name__, (ReadsLayers, kind), {})


# ---- files


def save_own(network: PreTrainedModel, folder: Path) -> None:
    """Write config, weights and a page that says how to load them."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    values = network.config.to_diff_dict() | {"architectures": None}
    own = {"base_model_type": network.config.model_type, "head": network.lm_head.describe()}
    values |= {"model_type": OWN_TYPE, "speech_tl": own}
    (folder / "config.json").write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    weights = {name: weight.detach().cpu().contiguous() for name, weight in network.state_dict().items()}
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    (folder / "README.md").write_text(NOTICE.format(head=said(own["head"])), encoding="utf-8")


def said(head: Mapping[str, Any]) -> str:
    """A head in words.

    >>> said({"weighted": True, "units": 128})
    'a weighted sum of all layers and a BiLSTM of 128 units each way under the linear layer'
    """
    parts = ["a weighted sum of all layers"] if head["weighted"] else []
    parts += [f"a BiLSTM of {head['units']} units each way"] if head["units"] else []
    return " and ".join(parts) + " under the linear layer"


def own_config(values: Mapping[str, Any]) -> PretrainedConfig | None:
    """The configuration of the network inside, from the values of a config.json that `save_own` wrote; else None."""
    from transformers import AutoConfig

    if values.get("model_type") != OWN_TYPE:
        return None
    fields = {name: value for name, value in values.items() if name != "model_type"}
    return AutoConfig.for_model(values["speech_tl"]["base_model_type"], **fields)


def load_own(config: PretrainedConfig, weights: Path | None) -> PreTrainedModel:
    """The network of a configuration from `own_config`, with weights from a file or, with None, random ones."""
    from safetensors.torch import load_file
    from transformers import AutoModelForCTC

    network = AutoModelForCTC.from_config(config, dtype="float32", trust_remote_code=False)
    head = config.speech_tl["head"]
    give_head(network, head["weighted"], head["units"], None)
    if weights is not None:
        network.load_state_dict(load_file(weights))
    return network
