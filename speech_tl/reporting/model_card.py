"""The adapted model's card, `model/README.md`: what it is, what was measured, under which limits.

Its front matter is what model hubs read; `model-index` holds the results in the form that Hugging Face model cards use
(https://github.com/huggingface/hub-docs/blob/main/modelcard.md), error rates in per cent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from speech_tl.reporting import words
from speech_tl.reporting.markdown import code, escaped, guards_table, headline, scores_table
from speech_tl.reporting.report import BeforeAfter, Report
from speech_tl.text import write_atomically

NOT_STATED = "not stated: find out before you share this model (`{}` in the recipe states it)"
TASK = {"type": "automatic-speech-recognition", "name": "Automatic Speech Recognition"}


def write_model_card(report: Report, folder: str | Path) -> Path:
    """Write the card of a run's model into the model's `folder`, whole or not at all; returns its path."""
    return write_atomically(Path(folder) / "README.md", model_card(report))


def model_card(report: Report) -> str:
    """The card of the model that a run's report is about.

    Args:
        report: from `build_report`, its `recipe` the whole recipe.

    Returns:
        YAML front matter and Markdown. Of folders on this machine only the last name is told.
    """
    import yaml

    recipe = report.recipe if isinstance(report.recipe, dict) else {}
    front = yaml.safe_dump(_front_matter(report, recipe), sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{front}---\n\n" + "\n\n".join(part for part in _body(report, recipe) if part) + "\n"


def exported_card(card: str, library: str, title: str, facts: Mapping[str, Any]) -> str:
    """The card of a model in another program's format.

    Args:
        card: the source's.
        library: what hubs call the format.
        title: the program.
        facts: what export.json holds.

    Returns:
        The same card with the format's library in its front matter, where the figures are said to be the source's, and
        with a section about the export before all others. A card without front matter gets the section only.
    """
    import yaml

    about = _about_export(title, facts)
    found = re.match(r"---\n(.*?)\n---\n", card, re.DOTALL)
    try:
        front = yaml.safe_load(found[1]) if found else None
    except yaml.YAMLError:
        front = None
    if found is None or not isinstance(front, dict):
        return f"{about}\n\n{card}"
    front["library_name"] = library
    for metric in _metrics(front):
        metric["args"] = {**(metric.get("args") or {}), "measured_with": "the model before its export"}
    text = yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{text}---\n\n{about}\n{card[found.end() :]}"


def _metrics(front: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every metric of a front matter's model-index, whoever wrote it."""
    found: list[Any] = [front]
    for key in ("model-index", "results", "metrics"):
        lists = [part.get(key) for part in found if isinstance(part, dict)]
        found = [part for inner in lists if isinstance(inner, list) for part in inner]
    return [metric for metric in found if isinstance(metric, dict)]


def _about_export(title: str, facts: Mapping[str, Any]) -> str:
    """For which program, in which precision, and what comparing it showed."""
    compared, precision = facts["comparison"], facts["quantize"] or "weights as they were"
    said = "It was not compared with the model that it was made from."
    if compared:
        rate = "cer" if "cer" in compared else "wer"
        source, export = compared[rate]["source"], compared[rate]["export"]
        said = (
            f"On {compared['utterances']} clips of {code(compared['clips']['source'])} ({compared['words']} words) its "
            f"{rate.upper()} is {export:.1%}, that of the model it was made from {source:.1%}."
        )
    return (
        f"## Export\n\nFor {escaped(title)} ({precision}), written by speech_tl {facts['speech_tl']}. {said} What "
        "stands below is about the model before its export."
    )


def place_name(source: Any) -> str:
    """What a path or Hub id is called where nobody has that path: a Hub id stays, of a path its last telling name.

    >>> place_name("/data/ljspeech_part/manifest.csv"), place_name("openai/whisper-small")
    ('ljspeech_part', 'openai/whisper-small')
    """
    text = str(source or "unknown").removeprefix("hf:").rstrip("/")
    if is_hub_id(text):
        return text
    path = Path(text)
    telling = path.parent if path.stem == "manifest" and path.parent.name else path
    return telling.name or text


def is_hub_id(source: str) -> bool:
    """Whether this names a repository on the Hub: "owner/name", and no such path is here."""
    return bool(re.fullmatch(r"\w[\w.-]*/[\w.-]*\w(:[\w.-]+)?", source)) and not Path(source).exists()


def _front_matter(report: Report, recipe: Mapping[str, Any]) -> dict[str, Any]:
    """What hubs read: language, licence, what it comes from, and the results after adaptation."""
    language, source = _language(report), str(report.model.get("source"))
    licence = (recipe.get("report") or {}).get("licence")
    front = {
        "language": [language] if language else None,
        "license": licence,
        "library_name": "transformers",
        "pipeline_tag": TASK["type"],
        "base_model": source if is_hub_id(source) else None,
        "tags": ["speech_tl", TASK["type"]],
        "model-index": [{"name": report.name, "results": _results(report)}],
    }
    return {name: value for name, value in front.items() if value is not None}


def _results(report: Report) -> list[dict[str, Any]]:
    """One entry for the test set and one for each guard, measured after adaptation."""
    name, split = place_name(report.data.get("source")), str(report.data.get("split") or "test")
    rules = {"normaliser": report.normaliser, "rules": report.normaliser_hash}
    guards = [
        _result(name, None, guard, {"normaliser": guard.normaliser, "rules": guard.normaliser_hash})
        for name, guard in report.guards.items()
    ]
    return [_result(name, split, report.target, rules), *guards]


def _result(name: str, split: str | None, measured: BeforeAfter, arguments: dict[str, Any]) -> dict[str, Any]:
    """One test set's WER and CER after adaptation, in per cent; the leading one first."""
    dataset = {"name": name, "type": re.sub(r"[^\w./-]+", "_", name.lower())} | ({"split": split} if split else {})
    metrics = [
        {"type": rate, "value": round(100 * value, 2), "name": rate.upper(), "args": dict(arguments)}
        for rate in (measured.rate, words.OTHER[measured.rate])
        if (value := measured.after.rate(rate)) is not None
    ]
    return {"task": dict(TASK), "dataset": dataset, "metrics": metrics}


def _language(report: Report) -> str | None:
    """The language's code, where the data or the model say one."""
    said = report.data.get("language") or report.model.get("language")
    return str(said).lower() if said and re.fullmatch(r"[A-Za-z]{2,3}(-\w+)?", str(said)) else None


def _body(report: Report, recipe: Mapping[str, Any]) -> list[str]:
    """The card's parts."""
    change, source = report.target.change, place_name(report.model.get("source"))
    revision = report.model.get("revision")
    begun = f"adapted from {code(source)}{f' (revision {code(revision)})' if revision else ''}"
    if source.startswith("new:"):
        begun = "trained from nothing"
    return [
        f"# {escaped(report.name)}",
        escaped(recipe.get("description") or ""),
        f"A speech recogniser {begun} with speech_tl. "
        f"**{headline(report.target)}** on its test set, before and after, measured in the same run in the same way: "
        f"{words.verdict(change)}.",
        "## Results",
        scores_table(report.target),
        f"Change of the {report.rate.upper()}: {words.change_line(change)}; {change.method}. "
        f"Normaliser of references and of both models: {code(report.normaliser)} "
        f"(rules {code(report.normaliser_hash)}). "
        f"Decoding: {escaped(words.short(report.decoding))}.",
        "## Elsewhere",
        escaped(words.guards_verdict(report.guards)),
        guards_table(report.guards) if report.guards else "",
        *_for_whom(report),
        "## Data",
        *_data(report, recipe),
        "## Training",
        *_training(report, recipe),
        "## Use",
        _use(report.model.get("head")),
        "## Limits",
        "\n".join(f"- {line}" for line in _limits(report)),
    ]


def _for_whom(report: Report) -> list[str]:
    """How far apart groups are, for each column that was looked at."""
    lines = [f"- {escaped(column)}: {escaped(words.gap_line(gap))}" for column, gap in report.gaps.items() if gap]
    return ["## For whom", "\n".join(lines)] if lines else []


def _data(report: Report, recipe: Mapping[str, Any]) -> list[str]:
    """What it learnt from and was measured on, under which licence, and what test shares with train."""
    data, stated = report.data, recipe.get("report") or {}
    licence = stated.get("data_licence")
    lines = [
        f"- source: {escaped(place_name(data.get('source')))} (fingerprint {code(data.get('fingerprint', 'unknown'))})",
        f"- licence: {escaped(licence) if licence else NOT_STATED.format('report.data_licence')}",
    ]
    utterances = data.get("utterances")
    for split, count in utterances.items() if isinstance(utterances, Mapping) else ():
        speakers = (data.get("speakers") or {}).get(split)
        voices = f"{speakers} speaker{'s' if speakers != 1 else ''}" if speakers else "speakers unknown"
        hours = (data.get("hours") or {}).get(split)
        lines.append(f"- {split}: {words.count(count)} utterances, {hours:.2f} h, {voices}")
    if bare := data.get("unlabelled"):
        held = f"{words.count(bare['utterances'])} utterances, {bare['hours']:.2f} h"
        lines.append(f"- without transcripts: {held}, of which the model's own labels were learnt from")
    aside = words.set_aside(report)
    lines += [f"- {aside.partition(':')[0]}"] if aside else []
    lines += [f"- train and test: {escaped(line)}" for line in words.leak_lines(report.leaks)]
    return ["\n".join(lines)]


def _training(report: Report, recipe: Mapping[str, Any]) -> list[str]:
    """What was trained, for how long, from which weights, under which licence."""
    stated = recipe.get("report") or {}
    licence = stated.get("licence")
    lines = [f"- {name}: {value}" for name, value in words.training_facts(report.training)]
    lines += [f"- strategy: {escaped(words.short(recipe['strategy']))}"] if recipe.get("strategy") else []
    lines += [f"- seed: {recipe['seed']}"] if "seed" in recipe else []
    lines += [
        f"- licence of this model: {escaped(licence) if licence else NOT_STATED.format('report.licence')}; the "
        f"licences of {code(place_name(report.model.get('source')))} and of the data go on to hold",
        f"- versions: {escaped(words.short(report.versions or 'unknown'))}",
    ]
    return ["\n".join(lines)]


def _use(own_head: str | None) -> str:
    """How to write down what is said in a file."""
    command = "```\nspeech-tl transcribe --model FOLDER recording.wav\n```"
    if own_head:
        return f"{command}\n\nIts CTC head is {own_head}: plain `from_pretrained` does not load it, speech_tl does."
    return f"""{command}

or without speech_tl:

```python
from transformers import pipeline

pipeline("automatic-speech-recognition", model="FOLDER")("recording.wav")["text"]
```"""


def _limits(report: Report) -> list[str]:
    """What the figures do not show, the report's notes among it."""
    speakers = (report.data.get("speakers") or {}).get("test")
    limits = [escaped(note) for note in report.notes]
    limits.append(
        f"The figures hold for speech like this test set's{f' ({speakers} speakers)' if speakers else ''}; other "
        "accents, places, microphones and subjects may fare worse."
    )
    if not report.guards:
        limits.append("No other test set was scored before and after: what was unlearnt elsewhere is unknown.")
    limits.append("It may write words that nobody said: let a person check what matters.")
    return limits
