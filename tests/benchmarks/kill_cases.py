"""The runs that are stopped and gone on with: tiny models, made voices, a few steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.small import made_corpus, recipe_yaml, rows_of, written
from tests.tiny import tiny_ctc, tiny_whisper

EASY = ["unlabelled={}", "unlabelled.min_agreement=0", "unlabelled.keep_share=0.75", "unlabelled.rounds=1"]


@dataclass(frozen=True)
class Case:
    """One kind of run: the overrides of a recipe on the models `ctc` or `whisper`, with {folder} for the material's."""

    name: str
    family: str
    overrides: Sequence[str] = ()


CASES = {
    case.name: case
    for case in (
        Case("full", "ctc", ["guards.home={folder}/guard"]),
        Case("lora", "ctc", ["strategy=lora"]),
        Case("whisper", "whisper"),
        Case("whisper_lora", "whisper", ["strategy=lora"]),
        Case("rounds", "ctc", [*EASY, "data.root={folder}/half.csv"]),
        Case("replay", "ctc", ["keep=[replay,l2_sp]", "keep.root={folder}/source"]),
        Case("ewc", "ctc", ["keep=ewc", "keep.root={folder}/source"]),
        Case("distill", "whisper", ["keep=distill", "keep.root={folder}/source"]),
        Case("interpolate", "ctc", ["keep=interpolate", "guards.home={folder}/guard"]),
    )
}


def material(folder: Path) -> Path:
    """Made voices, tiny models and a recipe for each family."""
    data = made_corpus(folder / "data")
    for name in ("guard", "source"):
        made_corpus(folder / name, shortest_s=2.0)
    rows = rows_of(data)
    unheard = [row["audio"] for row in rows if row["split"] == "train"][4:]
    written(folder / "half.csv", [row | {"text": "" if row["audio"] in unheard else row["text"]} for row in rows])
    steps = {"max_steps": 4, "eval_steps": 2, "learning_rate": 0.01, "batch_seconds": 4.0}
    recipe_yaml(folder / "ctc.yaml", tiny_ctc(folder / "ctc"), data, **steps)
    recipe_yaml(folder / "whisper.yaml", tiny_whisper(folder / "whisper", tokens=64), data, **steps)
    return folder
