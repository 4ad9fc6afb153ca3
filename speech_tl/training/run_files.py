"""What a run leaves in its folder; the documentation's page is made from this."""

from __future__ import annotations

RUN_FILES: dict[str, str] = {
    "recipe.yaml": "The resolved recipe: `speech-tl adapt recipe.yaml` repeats the run.",
    "environment.json": "Versions, device, seed, git revision; the data's fingerprint, which `--resume` compares.",
    "excluded.jsonl": "Rows that were excluded, each with its file, row and reason.",
    "before/summary.json, after/summary.json": "Scores, decoding, normaliser and model of the two measurements.",
    "before/utterances.jsonl, after/utterances.jsonl": (
        "Each test utterance: `id`, `audio`, `reference`, `hypothesis`, `words`, `substitutions`, `deletions`, "
        "`insertions`, `duration`, `reference_raw`, `hypothesis_raw`, and the manifest's other columns."
    ),
    "before_greedy/, after_greedy/": "The same without beam, language model and hotwords, where decoding has any.",
    "after_shortened/": "The same by the adapted Whisper with windows shortened to the clip, where it is used so.",
    "guards/NAME/before/, guards/NAME/after/": "The same for each forgetting check (guard).",
    "ladder/": "The same for each SNR level of a noise test, where the recipe has one.",
    "rounds/N/": "Pseudo-labels of each round (`labels.jsonl`), where the recipe has unlabelled speech.",
    "training/log.jsonl": "A line for each logged step: step, loss, learning rate, dev WER and CER.",
    "training/result.json": "Figures of the training: steps, seconds, audio, parameters, memory.",
    "training/lm_weights.json": "How much the language model counts, and its errors on dev.",
    "training/phases.json": "Seconds of each phase of the run, over all its sessions.",
    "training/": "Checkpoints while it runs, and what else `--resume` needs; afterwards only what stands above.",
    "adapter/": "What peft loads, where the strategy adds weights; `model/` has them merged in.",
    "model/": "The adapted model: a Hugging Face folder that plain `from_pretrained` loads, with its model card.",
    "report.json": "Every figure of the report; error rates are fractions.",
    "report.md, report.html": "The report to read; the page is one file that loads nothing from elsewhere.",
}
"""File or folder within the run's folder -> what it holds."""
