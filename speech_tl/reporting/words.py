"""How figures are written: percentages, points, durations, and whether a change is significant, in the same words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from speech_tl.scoring.alignment import UNITS
from speech_tl.scoring.significance import is_significant
from speech_tl.text import Rate

NOTHING = "–"
SIDES = ("before", "after")

UNBROKEN = "\u00a0"  # no line ends between the digits of one number

JUDGED = {
    "better": "significantly better (95 % interval excludes zero)",
    "worse": "significantly worse (95 % interval excludes zero)",
    "open": "no significant change",
}

OTHER: dict[Rate, Rate] = {"wer": "cer", "cer": "wer"}
"""The rate that stands behind the leading one."""


def rate_of(found: Mapping[str, Any]) -> Rate:
    """The rate that leads in a report's `target` or in a guard: "cer" for languages without spaces, else "wer"."""
    return found.get("rate", "wer")


def normaliser(report: Mapping[str, Any]) -> str:
    """What both sides were normalised with, and why, where that is known: "normaliser basic (the language is tr)"."""
    reason = report.get("normaliser_reason")
    return f"normaliser {report['normaliser']}" + (f" ({reason})" if reason else "")


def leading(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """The change of the leading rate, of a report's `target` or of a guard."""
    return found[f"{rate_of(found)}_change"]


def ci95(score: Mapping[str, Any], rate: Rate) -> list[float] | None:
    """The 95 % interval of an error rate of a score."""
    return score.get("ci95" if rate == "wer" else "cer_ci95")


def edits(score: Mapping[str, Any], rate: Rate) -> Mapping[str, Any]:
    """Where a score has the counts that an error rate is made of."""
    return score if rate == "wer" else score["by_character"]


def units(score: Mapping[str, Any], rate: Rate) -> int:
    """How many words, or characters, the references hold."""
    return edits(score, rate)[UNITS[rate]]


def percent(fraction: float | None) -> str:
    """0.2534 -> "25.3 %"."""
    return NOTHING if fraction is None else f"{100 * fraction:.1f} %"


def points(fraction: float | None) -> str:
    """-0.0534 -> "−5.3" (percentage points), with its sign."""
    return NOTHING if fraction is None else _signed(100 * fraction, ".1f")


def relative(fraction: float | None) -> str:
    """-0.31 -> "−31 %", with its sign."""
    return NOTHING if fraction is None else f"{_signed(100 * fraction, '.0f')} %"


def interval(ci95: list[float] | None) -> str:
    """[0.2, 0.3] -> "20.0 to 30.0 %"."""
    return NOTHING if not ci95 else f"{100 * ci95[0]:.1f} to {100 * ci95[1]:.1f} %"


def ends(ci95: list[float] | None) -> str:
    """[-0.04, 0.01] -> "−4.0 to +1.0": the ends of a change's interval, in points."""
    return NOTHING if not ci95 else f"{points(ci95[0])} to {points(ci95[1])}"


def _signed(value: float, form: str) -> str:
    """A number with a real minus sign, a plus sign, or neither for zero."""
    text = format(abs(value), form)
    if float(text.replace(",", "")) == 0:
        return text
    return ("−" if value < 0 else "+") + text


def count(number: float | None) -> str:
    """1234567 -> "1 234 567", its spaces unbroken."""
    return NOTHING if number is None else f"{number:,.0f}".replace(",", UNBROKEN)


def count_change(before: Mapping[str, Any], after: Mapping[str, Any], name: str) -> str:
    """By how much a count changed, with its sign."""
    return _signed(after[name] - before[name], ",.0f").replace(",", UNBROKEN)


def change_of(before: Mapping[str, Any], after: Mapping[str, Any], rate: str = "wer") -> str:
    """By how many percentage points an error rate changed between two scores, with its sign."""
    return NOTHING if before[rate] is None or after[rate] is None else points(after[rate] - before[rate])


def hours(seconds: float | None) -> str:
    """4000 -> "1 h 07 min"; 70 -> "1 min 10 s"."""
    if seconds is None:
        return NOTHING
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 60} min {whole % 60:02d} s" if whole >= 60 else f"{seconds:.0f} s"


def verdict(change: Mapping[str, Any]) -> str:
    """Whether a change is significant, in the words that every report, table and page has for it."""
    if few := too_few(change):
        return few
    one_voice = ", for this one voice" if "one speaker" in change["method"] else ""
    return f"{JUDGED[tone(change)]}{one_voice}"


def too_few(change: Mapping[str, Any]) -> str | None:
    """ "4 speakers, 120 words: too few to tell" where a test set is too small for any claim, else None."""
    if change.get("too_few"):
        return change["too_few"]
    # Reports of earlier versions said so in the method, or had no interval.
    return "too few to tell" if not change["ci95"] or "descriptive" in change["method"] else None


def disagreement(target: Mapping[str, Any]) -> list[str]:
    """A sentence where one error rate got significantly better and the other significantly worse; else none."""
    rate = rate_of(target)
    changes = {name: target[f"{name}_change"] for name in (rate, OTHER[rate])}
    if {tone(change) for change in changes.values()} != {"better", "worse"}:
        return []
    told = " but ".join(f"{name.upper()} {points(change['absolute'])}" for name, change in changes.items())
    before, after = (count(edits(target[side], rate)["deletions"]) for side in ("before", "after"))
    return [
        f"The two error rates disagree: {told} points, both significant. Errors can become fewer because less is "
        f"written ({before} {UNITS[rate]} were left out before, {after} after): do not trust one of them alone."
    ]


def loops_line(loops: Mapping[str, int] | int) -> str:
    """How often decoding was stopped in a loop, in one model's texts or before and after; "" where it never was."""
    found = list(loops.values()) if isinstance(loops, Mapping) else [loops]
    if not any(found):
        return ""
    return f"loops stopped while decoding: {' → '.join(map(count, found))}"


def change_line(change: Mapping[str, Any]) -> str:
    """The change with its interval and p-value in one line."""
    line = f"{points(change['absolute'])} points"
    if change["relative"] is not None:
        line += f" ({relative(change['relative'])} relative)"
    if change["ci95"]:
        low, high = change["ci95"]
        line += f", 95 % interval {points(low)} to {points(high)}"
    if change["p_value"] is not None:
        line += f", p = {change['p_value']:.4f}"
    return line


def tone(change: Mapping[str, Any]) -> str:
    """ "better", "worse" or "open": which way a change is significant, if it is."""
    if too_few(change) or not change.get("significant", is_significant(change["ci95"], change.get("p_value"))):
        return "open"
    return "better" if change["ci95"][1] < 0 else "worse"


def p_value(value: float) -> str:
    """0.0321 -> "p = 0.032"; smaller than anyone should lean on: "p < 0.001"."""
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def exact_p(value: float | None) -> str:
    """0.03214 -> "0.0321", for a table of tests."""
    return NOTHING if value is None else "< 0.0001" if value < 0.0001 else f"{value:.4f}"


def tests_lines(change: Mapping[str, Any]) -> list[str]:
    """What the tests of a change say: bootstrap resamples won, its p-value, the matched pairs'; as far as known."""
    lines = []
    won, p = change.get("won"), change.get("p_value")
    if won is not None:
        lines.append(f"After is better in {won_share(won)} of the bootstrap resamples.")
    if p is not None:
        lines.append(f"Bootstrap: {p_value(p)}.")
    pairs = change.get("mapsswe")
    if pairs and pairs.get("p_value") is not None:
        lines.append(f"Matched pairs (MAPSSWE): {p_value(pairs['p_value'])}, {count(pairs['segments'])} segments.")
    return lines


def won_share(fraction: float) -> str:
    """0.9987 -> "99.9 %"; never rounded up to all nor down to none."""
    if 0 < fraction < 0.001:
        return "under 0.1 %"
    return "over 99.9 %" if 0.999 < fraction < 1 else f"{100 * fraction:.3g} %"


def guard_line(name: str, guard: Mapping[str, Any]) -> str:
    """One guard's change and whether it is within its limit, such as "ljspeech: +0.4 points (limit +2.0)"."""
    change, limit = leading(guard)["absolute"], guard.get("limit")
    if change is None:
        return f"{name}: no words to score"
    allowed = "" if limit is None else f" (limit {points(limit)})"
    return f"{name}: {points(change)} points{allowed}"


def guards_verdict(guards: Mapping[str, Mapping[str, Any]]) -> str:
    """What the gain cost elsewhere, in one sentence."""
    if not guards:
        return "No guard was measured: what the change cost elsewhere is unknown."
    beyond = [name for name, guard in guards.items() if guard.get("exceeded")]
    if beyond:
        return f"Warning: {', '.join(beyond)} worsened beyond {'its' if len(beyond) == 1 else 'their'} limit."
    if any("exceeded" not in guard for guard in guards.values()):
        return "Measured on other test sets too; no limit was set."
    all_of_them = {1: "The guard", 2: "Both guards"}.get(len(guards), f"All {len(guards)} guards")
    return f"{all_of_them} stayed within the limit."


def winner(ranking: Mapping[str, Any], written: Callable[[Any], str] = str) -> str:
    """Who is best in a ranking, and whether that is significant, in one sentence; `written` makes a name safe."""
    first, *others = ranking["ranking"]
    name, beaten, test = written(first["name"]), len(first["better_than"]), ranking["pairs"][0]
    if few := too_few(test):
        return f"{few}; {name} comes first."
    one_voice = ", for this one voice" if "one speaker" in test["method"] else ""
    if beaten == len(others):
        every = "the other" if beaten == 1 else f"all {beaten} others"
        return f"{name} is best: significantly better than {every}{one_voice}."
    which = "none" if not beaten else f"only {beaten}"
    return f"{name} comes first, significantly better than {which} of the other {len(others)}{one_voice}."


def gap_line(gap: Mapping[str, Any] | None) -> str:
    """How far apart the best and the worst group are, before and after; "" where it is unknown."""
    if not gap:
        return ""
    sides = [
        f"{100 * gap[side]['gap']:.1f} points {side} ({gap[side]['best']} best, {gap[side]['worst']} worst)"
        for side in ("before", "after")
    ]
    return f"Between the best and the worst group: {', '.join(sides)}."


def gap_points(gap: Mapping[str, Any]) -> str:
    """How far apart the groups are, in few words: "17.8 → 14.9 points"."""
    before, after = (f"{100 * gap[side]['gap']:.1f}" for side in ("before", "after"))
    return f"{before} → {after} points"


def leak_lines(leaks: Mapping[str, Any] | None) -> list[str]:
    """What train and test share, one sentence a kind; what is not known is said too."""
    names = {"speakers": "speakers", "sentences": "sentences", "audio": "recordings"}
    lines = []
    for kind, name in names.items() if leaks else ():
        found = leaks.get(kind)
        if found is None:
            lines.append(f"Shared {name}: not known.")
            continue
        some = ", ".join(map(str, found.get("first") or []))
        more = ", ..." if found["count"] > len(found.get("first") or []) else ""
        named = f" ({some}{more})" if some else ""
        lines.append(f"Shared {name}: {count(found['count']) if found['count'] else 'none'}{named}.")
    return lines


def shortened_line(report: Mapping[str, Any]) -> str:
    """What windows shortened to the clip change beside the result, in one sentence; "" where nobody decodes so."""
    found = report.get("shortened")
    if not found:
        return ""
    rate = rate_of(report["target"])
    change = found[f"{rate}_change"]
    line = f"After, windows shortened to the clip: {rate.upper()} {percent(found['score'][rate])}"
    line += f" ({points(change['absolute'])} points beside 30 s windows, {verdict(change)})"
    return line + (f", decoded {found['times_faster']:.1f} times as fast." if found.get("times_faster") else ".")


def shortened_cells(report: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """The same as a row of the terminal's table."""
    found, rate = report["shortened"], rate_of(report["target"])
    faster = f"{found['times_faster']:.1f} times as fast" if found.get("times_faster") else ""
    return f"  windows shortened: {rate.upper()}", "", percent(found["score"][rate]), faster


def search_line(report: Mapping[str, Any]) -> str:
    """What adaptation gave decoded greedily, and what the search gave each side; "" where nobody searches."""
    found = report.get("search")
    if not found:
        return ""
    greedy = found["greedy"]
    rate, change = rate_of(greedy), leading(greedy)
    sides = [f"{percent(greedy[side][rate])}" for side in ("before", "after")]
    gave = [f"{_with_interval(found[side])} {side}" for side in ("before", "after")]
    line = f"Decoded greedily: {rate.upper()} {' → '.join(sides)} ({_with_interval(change)}, {verdict(change)})."
    return f"{line} The search (see decoding) gives {' and '.join(gave)} adaptation."


def _with_interval(change: Mapping[str, Any]) -> str:
    """ "−3.1 points (−4.0 to −2.2)"."""
    line = f"{points(change['absolute'])} points"
    return line + (f" ({' to '.join(map(points, change['ci95']))})" if change.get("ci95") else "")


def greedy_cells(report: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Both sides decoded greedily, as a row of the terminal's table."""
    greedy = report["search"]["greedy"]
    rate, sides = rate_of(greedy), [greedy[side] for side in ("before", "after")]
    return f"  greedy: {rate.upper()}", *(percent(side[rate]) for side in sides), change_of(*sides, rate)


def run_time(training: Mapping[str, Any]) -> str:
    """Wall time of the whole run and of its parts: "33 min 10 s (before 3 min 02 s, training 9 min 40 s, ...)"."""
    if training.get("run_seconds") is None:
        return NOTHING
    phases = training.get("phases") or {}
    parts = [f"{name.replace('_', ' ')} {hours(took)}" for name, took in phases.items() if took]
    return hours(training["run_seconds"]) + (f" ({', '.join(parts)})" if parts else "")


def training_facts(training: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The training's figures as (name, value with unit), as far as they are known."""
    share = training.get("padding_share")
    memory = training.get("peak_memory_bytes")
    audio_s, speed = training.get("audio_seconds"), training.get("audio_seconds_per_second")
    moved, whole = training.get("trainable_parameters"), training.get("total_parameters")
    epochs, merging = training.get("epochs"), training.get("merging")
    context, between = (training.get("audio_context") or {}).get("decoding"), training.get("interpolation")
    facts = [
        ("steps", count(training.get("steps"))),
        ("epochs", NOTHING if epochs is None else f"{epochs:.1f}"),
        ("weights", (training.get("kept_weights") or NOTHING).removeprefix("weights of ")),
        ("time", hours(training.get("seconds"))),
        ("whole run", run_time(training)),
        ("audio trained on", hours(audio_s)),
        ("of it source speech", _source(training)),
        ("speed", NOTHING if speed is None else f"{speed:.1f} s of audio a second"),
        ("trained parameters", NOTHING if moved is None else f"{count(moved)} of {count(whole)}"),
        ("merged", _merged(merging) if merging else NOTHING),
        ("share of the new weights", percent(between["share"]) if between else NOTHING),
        ("learnt from", _learnt_from(training.get("pseudo_labels"))),
        ("padding", percent(share)),
        ("used with audio context", context or NOTHING),
        ("peak memory", NOTHING if memory is None else f"{count(memory / 2**20)} MiB"),
    ]
    return [(name, value) for name, value in facts if value != NOTHING]


def _source(training: Mapping[str, Any]) -> str:
    """How much of the audio was speech of the source domain, heard so as not to forget it."""
    seconds, whole = training.get("source_seconds"), training.get("audio_seconds")
    return f"{hours(seconds)} ({percent(seconds / whole)})" if seconds and whole else NOTHING


def _learnt_from(rounds: Mapping[str, Any] | None) -> str:
    """Which round of pseudo-labels made the model."""
    if not rounds:
        return NOTHING
    return f"pseudo-labels of round {rounds['chosen']}" if rounds["chosen"] else "labelled utterances alone (round 0)"


def pseudo_label_rows(training: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """(headings, rows) of a table of the rounds of pseudo-labels; no rows where there were none."""
    told = training.get("pseudo_labels") or {"rounds": [], "rate": "wer", "chosen": None}
    rate, known = told["rate"], any(row.get("labels_wer") is not None for row in told["rounds"])
    headings = ["round", "kept", "hours", "left out", f"{rate.upper()} on dev"]
    headings += [f"{rate.upper()} of the labels"] if known else []
    rows = []
    for row in told["rounds"]:
        labelled = "kept" not in row
        left = ", ".join(f"{count(number)} {reason}" for reason, number in row.get("left", {}).items())
        cells = [str(row["round"]) + (" (the model)" if row["round"] == told["chosen"] else "")]
        cells += ["labelled only" if labelled else f"{count(row['kept'])} of {count(row['utterances'])}"]
        cells += [NOTHING if labelled else f"{row['kept_hours']:.2f}", left or NOTHING]
        cells += [percent(row.get(f"dev_{rate}"))]
        rows.append(cells + ([percent(row.get(f"labels_{rate}"))] if known else []))
    return headings, rows


def _merged(merging: Mapping[str, Any]) -> str:
    """What merging an adapter into the model changed."""
    return f"{count(merging['changed'])} of {count(merging['utterances'])} dev transcripts changed"


def short(value: Any) -> str:
    """A dictionary of conditions as "beam 1, precision float32"; anything else as its text."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {short(inner)}" for name, inner in value.items() if inner not in (None, {}, []))
    if isinstance(value, float):
        return f"{value:g}"
    return ", ".join(short(inner) for inner in value) if isinstance(value, (list, tuple)) else str(value)


def telling(names: Sequence[str]) -> list[str]:
    """What tells names apart: of paths, the parts that not all of them begin or end with.

    >>> telling(["runs/small/after", "runs/base/after", "runs/base/before"])
    ['small/after', 'base/after', 'base/before']
    """
    parts = [name.split("/") for name in names]
    shortest = min(len(part) for part in parts) - 1
    first = next((n for n in range(shortest) if len({part[n] for part in parts}) > 1), shortest)
    last = next((n for n in range(shortest - first) if len({part[-1 - n] for part in parts}) > 1), shortest - first)
    cut = ["/".join(part[first : len(part) - last]) for part in parts]
    return cut if len(set(cut)) == len(set(names)) else list(names)


def sides_called(report: Mapping[str, Any]) -> dict[str, str]:
    """How the two sides are called after the name of a rate: "before" and "after" a run; of a comparison the models."""
    model = report.get("model") or {}
    sides = [model.get(side) for side in SIDES]
    sources = [side.get("source") if isinstance(side, Mapping) else None for side in sides]
    if report.get("training") or None in sources or sources[0] == sources[1]:
        return {side: side for side in SIDES}
    return dict(zip(SIDES, (f"of {name}" for name in tails(sources)), strict=True))


def tails(names: Sequence[str]) -> list[str]:
    """Names, of long paths the last two parts, where these still tell them apart.

    >>> tails(["openai/whisper-small", "/home/ann/runs/mine/model"])
    ['openai/whisper-small', 'mine/model']
    """
    cut = ["/".join(str(name).split("/")[-2:]) for name in names]
    return cut if len(set(cut)) == len(set(names)) else list(names)


def recipe_name(report: Mapping[str, Any]) -> str:
    """The recipe's name, whether the report holds a name or a whole recipe."""
    recipe = report["recipe"]
    return str(recipe.get("name", "recipe")) if isinstance(recipe, Mapping) else str(recipe)


def set_aside(report: Mapping[str, Any]) -> str:
    """The rows that were not used, by problem; "" when there were none."""
    excluded = (report.get("data") or {}).get("excluded") or {}
    if not excluded:
        return ""
    kinds = ", ".join(f"{number} {problem}" for problem, number in excluded.items())
    return f"{sum(excluded.values())} rows set aside ({kinds}): see excluded.jsonl"
