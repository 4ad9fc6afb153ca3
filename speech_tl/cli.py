"""The command line: one thin function a verb. Heavy imports happen inside the verbs, so that --help is instant."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from speech_tl import __version__
from speech_tl.errors import BadInput, Interrupted, PartlyDone, Terminated, disk_trouble
from speech_tl.termination import Termination

if TYPE_CHECKING:
    from rich.console import Console

    from speech_tl.models.options import DecodingOptions
    from speech_tl.reporting.screen import Screen
    from speech_tl.transcribing.formats import Transcript

app = typer.Typer(
    name="speech-tl",
    help="Adapt a pre-trained speech recogniser and see whether it got better.",
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


class Verb(TyperCommand):
    """A command whose line in the list of commands is the whole first line of its docstring."""

    def get_short_help_str(self, limit: int = 45) -> str:
        """The first line, however long: the list wraps it."""
        return (self.help or "").partition("\n")[0]


Out = Annotated[Path | None, typer.Option(help="Folder to write into.")]
By = Annotated[list[str] | None, typer.Option(help="Manifest column to report by group; may be repeated.")]
MODEL = "Hub id, folder (of a model or an adapter), starter-wav2vec2 or starter-whisper."
Model = Annotated[str, typer.Option(help=MODEL)]
Split = Annotated[str, typer.Option(help="Which split; a manifest without splits is scored whole.")]
Normaliser = Annotated[
    str | None,
    typer.Option(help="none, basic, english, unspaced, or your own module:function; by default the language's."),
]
Language = Annotated[str | None, typer.Option(help="Language of the speech, e.g. en; by default the manifest's.")]
BatchSeconds = Annotated[float | None, typer.Option(help="Padded seconds of audio decoded at once.")]
Engine = Annotated[str | None, typer.Option(help="What decodes a Whisper: torch, or ctranslate2 (an extra).")]
AudioContext = Annotated[
    str, typer.Option(help="Whisper's windows: auto (as the model's folder says) or full (30 s, as published).")
]

TestTime = Annotated[
    bool,
    typer.Option("--test-time", help="Adapt a CTC model to each utterance before it is transcribed, and back; slow."),
]

On = Annotated[str | None, typer.Option(help="Where: ray (this machine, or RAY_ADDRESS) or ray://HOST, a Ray cluster.")]
Beam = Annotated[int | None, typer.Option(min=1, help="Hypotheses of the beam search; 1 is greedy.")]
Lm = Annotated[Path | None, typer.Option(help="N-gram language model for CTC: FILE.arpa (see `speech-tl lm`) or .bin.")]
LmWeight = Annotated[float | None, typer.Option(help="How much the language model counts; unless said 0.8.")]
WordBonus = Annotated[float | None, typer.Option(help="What each word earns beside it; unless said 1.")]
Hotwords = Annotated[Path | None, typer.Option(help="File of names and terms, one a line, to be written more readily.")]
HotwordWeight = Annotated[float | None, typer.Option(help="What each of their letters earns; unless said 1.5.")]

Host = Annotated[str, typer.Option(help="Address to listen on; by default this machine alone can ask.")]
TokenFile = Annotated[
    Path | None, typer.Option(help="File with a token that every request must show (Authorization: Bearer TOKEN).")
]
AllowHost = Annotated[
    list[str] | None, typer.Option(help="Another name that leads here, such as a proxy's; may be repeated.")
]
AllowOrigin = Annotated[
    list[str] | None, typer.Option(help="Web pages from elsewhere that may ask, as https://example.org; repeatable.")
]

DONE, IN_PART, BAD_INPUT, OUR_FAULT, INTERRUPTED, TERMINATED = 0, 1, 2, 70, 130, 143

VERSION = "--version"
OWN_VOICE = "speaker/my_voice"


@app.callback(invoke_without_command=True)
def speech_tl(
    context: typer.Context,
    version: Annotated[bool, typer.Option(VERSION, help="Show the version and exit.")] = False,
) -> None:
    """Adapt a pre-trained speech recogniser and see whether it got better."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _recipe_names() -> list[str]:
    """For the shell's completion."""
    from speech_tl.recipe import shipped_recipes

    return list(shipped_recipes())


def _study_names() -> list[str]:
    """For the shell's completion."""
    from speech_tl.recipe import shipped_studies

    return list(shipped_studies())


@app.command(cls=Verb)
def adapt(
    recipe: Annotated[
        str,
        typer.Argument(
            help="Recipe script, name from `speech-tl recipes`, or recipe.yaml.", autocompletion=_recipe_names
        ),
    ],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value for any field of the recipe.")] = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder; by default runs/NAME.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue a run that was stopped.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would happen; write nothing.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="With --dry-run: the whole recipe too, as YAML that can be saved.")
    ] = False,
    on: On = None,
    workers: Annotated[int, typer.Option(min=1, help="With --on: processes that share the training.")] = 2,
) -> None:
    """Measure a model, adapt it, measure it again, and report."""
    from speech_tl.reporting.screen import Screen, announce_loading

    announce_loading()
    from speech_tl.recipe import read_recipe

    if verbose and not dry_run:
        raise BadInput("--verbose goes with --dry-run; a run leaves its whole recipe in recipe.yaml")
    chosen = read_recipe(recipe, overrides or [])
    console = _console()
    screen = Screen(console)
    if dry_run:
        from speech_tl.adaptation import plan

        _echo(plan(chosen, screen, verbose=verbose))
        return
    from speech_tl.adaptation import adapt as run
    from speech_tl.adaptation import run_path
    from speech_tl.reporting.guards import guard_warnings
    from speech_tl.reporting.page import terminal_table

    folder = run_path(chosen, out)
    try:
        if on is None:
            result = run(chosen, folder, resume=resume, screen=screen)
        else:
            from speech_tl.adaptation.on_ray import adapt_on

            result = adapt_on(on, workers, chosen, folder, resume=resume, screen=screen)
    except KeyboardInterrupt as error:
        begun = (folder / "recipe.yaml").is_file()
        raise Interrupted("go on with the same command and --resume" if begun else "nothing was written") from error
    console.print(terminal_table(result.report))
    for line in _what_next(result.folder, recipe, result.report["model"].get("source")):
        screen.line(line)
    worse = guard_warnings(result.report["guards"])
    if worse and chosen.report.strict_guards:
        raise PartlyDone(f"{len(worse)} of {len(result.guards)} guards became worse than they may", worse)
    for line in worse:
        screen.line(f"Warning: {line}")


@app.command(cls=Verb)
def study(
    study: Annotated[
        str,
        typer.Argument(help="Study script, or a shipped one; without it they are listed.", autocompletion=_study_names),
    ] = "list",
    overrides: Annotated[
        list[str] | None, typer.Argument(help="minutes=[5,30], seeds=[1], only=[full,lora], or a field of the recipe.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The study's folder; by default runs/NAME.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the runs and about how long they take.")] = False,
    on: On = None,
    workers: Annotated[int, typer.Option(min=1, help="With --on: runs side by side.")] = 2,
) -> None:
    """Run a recipe in several ways, on several amounts of speech, into one table; the same command goes on."""
    from speech_tl.reporting.screen import Screen, announce_loading

    if study == "list":
        from speech_tl.recipe import script_titles, shipped_studies

        _echo_titles(script_titles(shipped_studies()))
        return
    announce_loading()
    from speech_tl.study import read_study, run_study

    chosen, screen = read_study(study).with_overrides(overrides or []), Screen(_console())
    if dry_run:
        from speech_tl.study.planning import plan_study

        _echo(plan_study(chosen, screen))
        return
    folder = out or Path("runs") / chosen.name
    try:
        if on is None:
            run_study(chosen, folder, screen=screen)
        else:
            from speech_tl.scaling.jobs import jobs_on

            with jobs_on(on, workers) as launch:
                run_study(chosen, folder, screen=screen, launch=launch, at_once=workers)
    except KeyboardInterrupt as error:
        raise Interrupted("go on with the same command") from error
    finally:
        if (folder / "study.html").is_file():
            screen.line(f"Table: {folder / 'table.md'}, {folder / 'table.csv'}")
            screen.line(f"Page:  {folder / 'study.html'}")


def run_study_script(script: str) -> None:
    """Run a study script with the command line's overrides, as `speech-tl study` does."""
    main(["study", script, *sys.argv[1:]])


@app.command(cls=Verb)
def evaluate(
    model: Annotated[str | None, typer.Option(help=MODEL)] = None,
    data: Annotated[str | None, typer.Option(help="Manifest, or a folder that holds one; also .stm or .trn.")] = None,
    hypotheses: Annotated[
        Path | None,
        typer.Option(help="Instead of --model: text from elsewhere (.csv, .tsv, .jsonl, .trn, .stm, .ctm)."),
    ] = None,
    split: Split = "test",
    by: By = None,
    normaliser: Normaliser = None,
    language: Language = None,
    silence: Annotated[bool, typer.Option("--silence", help="Score clips without speech: which get text?")] = False,
    batch_seconds: BatchSeconds = None,
    engine: Engine = None,
    audio_context: AudioContext = "auto",
    test_time: TestTime = False,
    beam: Beam = None,
    lm: Lm = None,
    lm_weight: LmWeight = None,
    word_bonus: WordBonus = None,
    hotwords: Hotwords = None,
    hotword_weight: HotwordWeight = None,
    out: Out = None,
) -> None:
    """Score a model on a test set, or text that another recogniser wrote."""
    from speech_tl.reporting.screen import Screen, announce_loading

    search = _search(beam, lm, lm_weight, word_bonus, hotwords, hotword_weight)
    _require_one_source(model, hypotheses, data, batch_seconds, engine, test_time, search)
    announce_loading()
    from speech_tl.reporting.page import evaluation_table
    from speech_tl.reporting.silence import silence_lines
    from speech_tl.reporting.words import loops_line

    console = _console()
    screen = Screen(console)
    chosen = {"split": split, "by": by or [], "normaliser": normaliser, "language": language, "silence": silence}
    if hypotheses is not None:
        from speech_tl.scoring.elsewhere import evaluate_hypotheses

        evaluation = evaluate_hypotheses(hypotheses, data, out=out, **chosen)
    else:
        from speech_tl.evaluation import evaluate as run

        with screen.progress(f"decoding {data}") as update:
            decoding = _decoding(batch_seconds, engine, audio_context, test_time, search)
            evaluation = run(model, data, decoding=decoding, out=out, progress=update, **chosen)
    console.print(evaluation_table(evaluation, by or []))
    for note in [*_base_of(evaluation.model), *evaluation.data.get("notes", [])]:
        screen.line(f"note: {note}")
    if line := loops_line(evaluation.loops):
        screen.line(line)
    for line in silence_lines(evaluation.data["silence"]) if silence else []:
        screen.line(line)
    if out is not None:
        screen.line(f"Wrote {out / 'summary.json'} and {out / 'utterances.jsonl'}")
    left_out = evaluation.data.get("left_out", [])
    if left_out:
        raise PartlyDone(f"{len(left_out)} utterances could not be decoded and are in no figure", left_out)


@app.command(cls=Verb)
def compare(
    evaluations: Annotated[
        list[Path], typer.Argument(help="Two or more: an evaluation's folder, a run's before/ or after/, a text file.")
    ],
    by: By = None,
    data: Annotated[str | None, typer.Option(help="References of text files, where they hold none.")] = None,
    split: Split = "test",
    normaliser: Normaliser = None,
    language: Language = None,
    audio: Annotated[
        str | None, typer.Option(help="How the page plays clips: embed, link or none; by default as the runs do.")
    ] = None,
    out: Out = None,
) -> None:
    """Compare two evaluations of the same test set, or rank several of them."""
    from speech_tl.reporting.screen import Screen, announce_loading

    announce_loading()
    from speech_tl.comparison import compare as run
    from speech_tl.comparison import rank
    from speech_tl.reporting.page import terminal_table
    from speech_tl.reporting.ranking import ranking_table

    if len(evaluations) < 2:
        raise BadInput(f"compare needs two or more evaluations of one test set, got {evaluations[0]} alone")
    scoring = {"data": data, "split": split, "normaliser": normaliser, "language": language}
    console = _console()
    screen = Screen(console)
    if len(evaluations) == 2:
        report = run(*evaluations, by=by or [], out=out, audio=audio, **scoring)
        console.print(terminal_table(report))
    else:
        report = rank(evaluations, by=by or [], out=out, audio=audio, **scoring)
        console.print(ranking_table(report))
    for line in report["conditions"]:
        screen.line(f"differs: {line}")
    if out is not None:
        screen.line(f"Report: {out / 'report.html'} (also report.md, report.json)")


@app.command(cls=Verb)
def transcribe(
    paths: Annotated[list[str], typer.Argument(help="Audio files, folders, or globs.")],
    model: Model,
    out: Annotated[Path | None, typer.Option(help="Folder for the transcripts; without it they are printed.")] = None,
    format: Annotated[list[str] | None, typer.Option(help="txt, srt, vtt, tsv, json or ctm; may be repeated.")] = None,
    language: Annotated[
        str | None, typer.Option(help="Language of the speech, e.g. en; by default it is heard, once a recording.")
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="transcribe, or translate into English (multilingual Whisper).")
    ] = None,
    batch_seconds: BatchSeconds = None,
    engine: Engine = None,
    audio_context: AudioContext = "auto",
    test_time: TestTime = False,
    beam: Beam = None,
    lm: Lm = None,
    lm_weight: LmWeight = None,
    word_bonus: WordBonus = None,
    hotwords: Hotwords = None,
    hotword_weight: HotwordWeight = None,
    prompt: Annotated[
        str | None, typer.Option(help="Text that a Whisper is shown first: names and terms as they are to be written.")
    ] = None,
    max_segment_s: Annotated[float | None, typer.Option(help="Longest piece, in seconds; at most 30.")] = None,
    channel: Annotated[
        str,
        typer.Option(help="A channel (1, 2, left ...), mix of all, or each: a transcript a channel, NAME.ch1.txt ..."),
    ] = "mix",
    words: Annotated[
        bool,
        typer.Option("--words", help="Start, end and probability of every word: in json, vtt (karaoke), ctm."),
    ] = False,
    max_line: Annotated[
        int | None, typer.Option(help="Characters of a line of subtitles; two lines each, cut at ends of sentences.")
    ] = None,
    speakers: Annotated[
        Path | None, typer.Option(help="A diariser's RTTM, or a folder of them: who speaks is written with the text.")
    ] = None,
    vad_threshold: Annotated[
        float | None, typer.Option(help="Probability at which sound is taken for speech; unless said 0.5.")
    ] = None,
    no_vad: Annotated[bool, typer.Option("--no-vad", help="Take everything for speech.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave files alone that have their transcripts.")] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Processes, each with a model of its own.")] = 1,
    on: On = None,
) -> None:
    """Turn audio files into text."""
    from speech_tl.reporting.screen import Screen, announce_loading

    announce_loading()
    from speech_tl.text import printable
    from speech_tl.transcribing.channels import asked_channel
    from speech_tl.transcribing.formats import Layout, known_formats, render
    from speech_tl.transcribing.recordings import find_recordings
    from speech_tl.transcribing.speakers import read_speakers
    from speech_tl.transcribing.transcribe import ModelName
    from speech_tl.transcribing.transcribe import transcribe as run
    from speech_tl.transcribing.vad import asked_threshold

    # Paths and formats are looked at first: loading a model only to find a misspelt path would waste its time.
    formats = known_formats(format or ["txt"])
    layout = Layout(words, max_line).checked(formats)
    recordings = find_recordings(paths)
    asked_channel(channel)
    threshold = asked_threshold(vad_threshold, no_vad)
    turns = None if speakers is None else read_speakers(speakers)
    if turns is not None:
        turns.refuse_others(recordings)
    search = _search(beam, lm, lm_weight, word_bonus, hotwords, hotword_weight)
    options = _decoding(batch_seconds, engine, audio_context, test_time, search).model_copy(update={"prompt": prompt})
    console = _console()
    screen = Screen(console)
    try:
        with screen.progress("transcribing") as update:
            chosen = ModelName(model, language, task)
            if jobs == 1 and on is None:
                chosen = chosen.load()
                for note in _base_of({"source": chosen.source, "base": chosen.base}):
                    screen.line(f"Note: {note}")
            result = run(
                chosen,
                paths,
                out=out,
                formats=formats,
                options=options,
                max_segment_s=max_segment_s,
                join=set(formats) == {"txt"} and turns is None,
                channel=channel,
                words=words,
                max_line=max_line,
                speakers=turns,
                vad_threshold=threshold,
                progress=update,
                on_transcript=lambda transcript: _tell_about(transcript, screen),
                overwrite=not keep,
                jobs=jobs,
                on=on,
            )
    except KeyboardInterrupt as error:
        if out is None:
            raise
        raise Interrupted("go on with the same command and --keep") from error
    for transcript in result.transcripts if out is None else []:
        for name in formats:
            if name == "txt" and len(result.transcripts) > 1:
                _echo(f"{printable(transcript.label)}\t{transcript.text}")
            else:
                _echo(render(transcript, name, layout), nl=False)
    if out is not None:
        screen.line(_transcripts_line(out, formats, len(result.transcripts), len(result.skipped)))
    if result.failures:
        total = len(result.transcripts) + len(result.failures)
        lines = [failure.problem for failure in result.failures]
        raise PartlyDone(f"{len(result.failures)} of {total} recordings could not be transcribed", lines)


@app.command(cls=Verb)
def lm(
    texts: Annotated[list[str], typer.Argument(help="Sentences: .txt, one a line; of a manifest the train split.")],
    out: Annotated[Path, typer.Option(help="The model: a name that ends in .arpa.")],
    order: Annotated[int, typer.Option(help="Words of its longest n-grams.")] = 3,
    language: Annotated[str | None, typer.Option(help="Language of the texts, e.g. en.")] = None,
    not_in: Annotated[
        list[str] | None,
        typer.Option(help="Manifest whose dev and test sentences the texts must not have; repeatable."),
    ] = None,
    drop: Annotated[bool, typer.Option("--drop", help="Leave such sentences out instead of refusing.")] = False,
) -> None:
    """Make a language model for the beam search of CTC models from texts."""
    from speech_tl.lm import make_lm
    from speech_tl.reporting.screen import Screen

    if drop and not not_in:
        raise BadInput("--drop goes with --not-in MANIFEST")
    made = make_lm(texts, out, order=order, language=language, not_in=not_in or [], drop=drop)
    ngrams = ", ".join(f"{count:,} {place}-grams" for place, count in enumerate(made.ngrams, 1))
    screen = Screen(_console())
    if not_in:
        screen.line(f"{made.dropped} sentences left out, as dev or test has them")
    screen.line(f"Wrote {out}: {made.sentences:,} sentences, {made.words:,} words, {ngrams}")


def _target_names() -> list[str]:
    """For the shell's completion."""
    from speech_tl.exporting.targets import target_names

    return target_names()


@app.command(cls=Verb)
def export(
    model: Annotated[str, typer.Argument(help=MODEL)],
    to: Annotated[
        str, typer.Option(help="ctranslate2, onnx, ggml (whisper.cpp), openai or hf.", autocompletion=_target_names)
    ],
    out: Annotated[Path, typer.Option(help="Folder to write into; it must not hold anything yet.")],
    quantize: Annotated[
        str | None, typer.Option(help="int8 or float16, where the format has it; by default weights as they are.")
    ] = None,
    clips: Annotated[
        str | None, typer.Option(help="Manifest to compare on; by default the dev clips of the model's run.")
    ] = None,
    language: Language = None,
    allow_loss: Annotated[
        bool, typer.Option("--allow-loss", help="Keep an export that loses more than 0.3 points of WER.")
    ] = False,
    no_compare: Annotated[
        bool, typer.Option("--no-compare", help="Write it without comparing: needs no clips and no other program.")
    ] = False,
) -> None:
    """Write a model for another program, and compare what that program writes with what the model writes."""
    from speech_tl.reporting.screen import Screen, announce_loading

    if no_compare and (clips or allow_loss):
        raise BadInput("--no-compare goes with neither --clips nor --allow-loss: nothing is compared")
    announce_loading()
    from speech_tl.exporting.export import export as run

    screen = Screen(_console())
    facts = run(
        model,
        to,
        out,
        quantize=quantize,
        clips=clips,
        language=language,
        allow_loss=allow_loss,
        compared=not no_compare,
        screen=screen,
    )
    screen.line(f"Wrote {out} ({facts['bytes'] / 1e6:,.1f} MB); what it is: {out / 'export.json'}")


@app.command(cls=Verb)
def push(
    model: Annotated[Path, typer.Argument(help="Folder of a model, of an adapter or of an export.")],
    repo: Annotated[str, typer.Argument(help="Where to on the Hugging Face Hub: OWNER/NAME.")],
    public: Annotated[bool, typer.Option("--public", help="For everyone to see; by default it is private.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the files and their sizes; send nothing.")] = False,
    token: Annotated[
        str | None, typer.Option(help="The Hub's token; by default HF_TOKEN or that of `hf auth login`.")
    ] = None,
) -> None:
    """Upload a model with its card to the Hugging Face Hub."""
    from speech_tl.exporting.pushing import Upload

    upload = Upload.of(model, repo)
    if dry_run:
        _echo(upload.listing(public))
        return
    from speech_tl.reporting.screen import Screen

    screen = Screen(_console())
    for note in upload.notes():
        screen.line(f"Note: {note}")
    screen.line(f"Pushed {len(upload.files)} files: {upload.send(public=public, token=token)}")


@app.command(cls=Verb)
def segment(
    audio: Annotated[Path, typer.Argument(help="A long recording, or a folder of them.")],
    text: Annotated[Path, typer.Argument(help="What is said in it (UTF-8), or a folder of texts named alike.")],
    model: Model,
    out: Annotated[Path, typer.Option(help="Folder for manifest.csv and left_out.csv.")] = Path("segments"),
    by: Annotated[str | None, typer.Option(help="line or sentence; by default what the text looks like.")] = None,
    speaker: Annotated[str, typer.Option(help="Who speaks, for the manifest.")] = "",
    language: Language = None,
    longest_s: Annotated[float, typer.Option("--max-seconds", help="No utterance is longer.")] = 20.0,
    min_confidence: Annotated[float | None, typer.Option(help="Leave out what is below, 0 to 1.")] = None,
) -> None:
    """Cut a long recording with its text into utterances: a manifest with start, end and confidence."""
    from speech_tl.reporting.screen import Screen, announce_loading

    announce_loading()
    from speech_tl.models.load import load_model
    from speech_tl.text import require_writable
    from speech_tl.transcribing.segmenting import refuse_options, segment_to_manifest

    refuse_options(audio, text, by, longest_s, min_confidence)
    require_writable(out)
    screen = Screen(_console())
    with screen.progress(f"hearing {audio}") as update:
        manifest, failures = segment_to_manifest(
            load_model(model, language=language),
            audio,
            text,
            out,
            speaker=speaker,
            on_recording=lambda result: screen.line(str(result)),
            by=by,
            longest_s=longest_s,
            min_confidence=min_confidence,
            progress=update,
        )
    screen.line(f"Manifest: {manifest}")
    if failures:
        raise PartlyDone(f"{len(failures)} recordings could not be segmented", failures)


@app.command(cls=Verb)
def check(
    manifest: Annotated[str, typer.Argument(help="Manifest, or a folder that holds one.")],
    model: Annotated[str | None, typer.Option(help="Also check texts against this model.")] = None,
    write_clean: Annotated[Path | None, typer.Option(help="Write the usable rows to this file.")] = None,
) -> None:
    """Look for problems in a data set before training on it; exit code 1 when rows cannot be used, 0 for notes."""
    from speech_tl.reporting.screen import Screen, announce_loading

    announce_loading()
    from speech_tl.data.check import check_manifest, print_check
    from speech_tl.data.check import write_clean as write
    from speech_tl.data.manifest import Manifest
    from speech_tl.data.writing import require_target

    console = _console()
    table = Manifest.read(manifest)
    if write_clean is not None:
        require_target(table, write_clean)
    writer, rules = None, None
    if model is not None:
        from speech_tl.evaluation import checkpoints_language, the_language
        from speech_tl.models.load import load_model
        from speech_tl.text import normaliser_for

        language = the_language(table)
        writer = load_model(model, language=language)
        rules = writer.scored_by = normaliser_for(None, language, checkpoints_language(writer, table))
    screen = Screen(console)
    with screen.progress(f"checking {manifest}") as update:
        result = check_manifest(table, model=writer, normaliser=rules, progress=update)
    print_check(result, console)
    if writer is not None and len(result.clean_indices):
        from speech_tl.adaptation.text_style import check_style

        if warning := check_style(writer, result.usable(table)):
            screen.line(f"text style: {warning}")
    if write_clean is not None:
        screen.line(f"Clean manifest: {write(table, result, write_clean)}")
    unusable = result.rows - len(result.clean_indices)
    if unusable:
        raise PartlyDone(f"{unusable} of {result.rows} rows cannot be used")


@app.command(cls=Verb)
def hear(
    manifest: Annotated[str, typer.Argument(help="Manifest, or a folder that holds one.")],
    augment: Annotated[
        list[str] | None,
        typer.Option(help="Effect (telephone), key=value (noise.folders=DIR), or a recipe for its own; repeatable."),
    ] = None,
    split: Annotated[str, typer.Option(help="Which split; a manifest without splits is drawn from whole.")] = "train",
    count: Annotated[int, typer.Option(min=1, help="How many utterances.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Of the choice and of all chance.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder to write into.")] = Path("heard"),
) -> None:
    """Write a few utterances as training would hear them, with a spectrogram of each."""
    from speech_tl.data.manifest import Manifest
    from speech_tl.recipe import augment_options
    from speech_tl.reporting.hearing import hear as run

    options = augment_options(augment or [])
    table = Manifest.read(manifest)
    if any(table.texts("split")):
        table = Manifest.read(manifest, split=split)
    for example in run(table, options, out, count=count, seed=seed):
        _echo(f"{out / example.files['heard']}: {example.done}")
    _echo(f"All on one page: {out / 'index.html'}")


@app.command(cls=Verb)
def record(
    out: Annotated[Path, typer.Option(help="Folder for clips/ and manifest.csv; the same one goes on.")],
    sentences: Annotated[
        Path | None, typer.Option(help="Sentences to read, one a line; without, English ones.")
    ] = None,
    words: Annotated[Path | None, typer.Option(help="Words or names that must be said, one a line.")] = None,
    times: Annotated[int, typer.Option(help="How often each of --words.")] = 5,
    minutes: Annotated[float, typer.Option(help="How much speech is wanted.")] = 10.0,
    speaker: Annotated[str | None, typer.Option(help="Who reads, for the manifest; by default me.")] = None,
    language: Annotated[str | None, typer.Option(help="Of the sentences, e.g. de.")] = None,
    host: Annotated[
        str, typer.Option(help="This machine's address in the network, to record on a phone.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the page; 0 for any that is free.")] = 8765,
) -> None:
    """Record your own voice in the browser: sentences to read, checked clips, a manifest."""
    from speech_tl.recording.opening import open_session
    from speech_tl.recording.server import RecordingServer
    from speech_tl.reporting.screen import Screen

    options = {"sentences": sentences, "words": words, "times": times, "minutes": minutes}
    session, remarks = open_session(out, **options, speaker=speaker, language=language)
    server = RecordingServer(session, host, port)
    screen = Screen(_console())
    for line in [*remarks, *server.remarks]:
        screen.line(line)
    screen.line(f"Open this page and read (Ctrl-C ends): {server.address}")
    try:
        server.run()
    except KeyboardInterrupt as error:
        raise Interrupted(f"{session.summary()}; go on with the same command") from error
    for line in [session.summary(), *session.what_next()]:
        screen.line(line)


@app.command(cls=Verb)
def serve(
    model: Annotated[list[str], typer.Option(help=f"{MODEL} Repeatable; NAME=MODEL gives it a name for clients.")],
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free.")] = 8000,
    token_file: TokenFile = None,
    language: Annotated[
        str | None, typer.Option(help="Language of the speech where a client names none; by default it is heard.")
    ] = None,
    allow_host: AllowHost = None,
    allow_origin: AllowOrigin = None,
    max_upload_mb: Annotated[float, typer.Option(min=0.001, help="Largest upload.")] = 500.0,
    max_hours: Annotated[float, typer.Option(min=0.001, help="Longest recording.")] = 4.0,
    max_requests: Annotated[int, typer.Option(min=1, help="Requests at once; one more is told to come again.")] = 128,
    max_live: Annotated[int, typer.Option(min=1, help="Live sessions at once.")] = 8,
    batch_seconds: BatchSeconds = None,
    engine: Engine = None,
    audio_context: AudioContext = "auto",
) -> None:
    """Transcribe for other programs over HTTP, as OpenAI's endpoints for audio do; live sessions over WebSocket."""
    limits = {"upload_bytes": int(max_upload_mb * 1e6), "longest_s": max_hours * 3600}
    _serve(
        model,
        (host, port, token_file, allow_host or [], allow_origin or []),
        limits | {"requests": max_requests, "live_sessions": max_live},
        language=language,
        options=_decoding(batch_seconds, engine, audio_context, False),
    )


@app.command(cls=Verb)
def demo(
    before: Annotated[str, typer.Option(help=f"The model before its adaptation. {MODEL}")],
    after: Annotated[str, typer.Option(help="The adapted model.")],
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free.")] = 8766,
    token_file: TokenFile = None,
    language: Language = None,
    allow_host: AllowHost = None,
    allow_origin: AllowOrigin = None,
) -> None:
    """Show two models side by side in the browser: what each makes of a recording, a file, or live speech."""
    where = (host, port, token_file, allow_host or [], allow_origin or [])
    _serve([f"before={before}", f"after={after}"], where, {}, language=language, compare=True)


@app.command(cls=Verb)
def live(
    model: Model,
    input: Annotated[str | None, typer.Option(help="A recording instead of the microphone.")] = None,
    real_time: Annotated[bool, typer.Option("--real-time", help="With --input: as fast as it was spoken.")] = False,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Sound from standard input: 16-bit little-endian mono samples, no header.")
    ] = False,
    sample_rate: Annotated[int, typer.Option(help="Of --stdin, in Hz.")] = 16000,
    device: Annotated[str | None, typer.Option(help="Microphone: a number or a part of its name.")] = None,
    language: Annotated[
        str | None, typer.Option(help="Language of the speech, e.g. en; by default it is heard.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="transcribe, or translate into English.")] = None,
    step: Annotated[float, typer.Option(help="Seconds of new speech after which it is decoded again.")] = 1.0,
    json: Annotated[bool, typer.Option("--json", help="One message a line, with times.")] = False,
    engine: Engine = None,
    audio_context: AudioContext = "auto",
) -> None:
    """Write what is spoken into the microphone while it is spoken: grey until it is certain."""
    from speech_tl.reporting.screen import announce_loading

    announce_loading()
    from speech_tl.live.running import open_source, run_live
    from speech_tl.serving.opening import require_recognisers
    from speech_tl.transcribing.recogniser import load_recogniser

    if not 0.2 <= step <= 10:
        raise BadInput(f"--step {step:g}: expected 0.2 to 10 seconds")
    require_recognisers([model])
    options = _decoding(None, engine, audio_context, False)
    with open_source(input, stdin=stdin, real_time=real_time, device=device, stdin_rate=sample_rate) as source:
        recogniser = load_recogniser(model, language=language, task=task, options=options)
        run_live(recogniser, source, sys.stdout, step_s=step, as_json=json)


def _serve(
    models: Sequence[str],
    where: tuple[str, int, Path | None, Sequence[str], Sequence[str]],
    limits: dict[str, Any],
    *,
    language: str | None,
    options: DecodingOptions | None = None,
    compare: bool = False,
) -> None:
    """Check all, take the port, load the models, answer until somebody ends it."""
    from speech_tl.reporting.screen import Screen, announce_loading
    from speech_tl.serving.opening import (
        listen,
        named_models,
        require_extra,
        require_recognisers,
        require_same_language,
    )

    require_extra()
    announce_loading()
    from speech_tl.serving.limits import Access, Limits, allowed, read_token

    host, port, token_file, hosts, origins = where
    sources = named_models(models)
    token = None if token_file is None else read_token(token_file)
    access = Access(allowed(hosts, origins, host), token)
    limited = require_recognisers(list(sources.values()))
    if compare:
        require_same_language(limited[0], limited[1], list(sources.values()))
    screen = Screen(_console())
    with listen(host, port) as taken:
        from speech_tl.serving.server import Server
        from speech_tl.serving.service import Service
        from speech_tl.transcribing.recogniser import load_recogniser

        loaded = {
            name: load_recogniser(source, language=language, options=options, name=name)
            for name, source in sources.items()
        }
        if compare:
            require_same_language(*(one.model.language for one in loaded.values()), list(sources.values()))
        server = Server(Service(loaded, Limits(**limits), ("before", "after") if compare else None), access, taken)
        if access.warning:
            screen.line(access.warning)
        shown = f"{server.address}/" if compare else f"{server.address}/v1 (its description: {server.address}/docs)"
        screen.line(f"{'Open this page' if compare else 'Serving'} (Ctrl-C ends): {shown}")
        server.run()
        screen.line("Stopped; what was being worked on is done")


@app.command(cls=Verb)
def recipes(
    action: Annotated[str, typer.Argument(help="list, show or copy.")] = "list",
    name: Annotated[str | None, typer.Argument(help="A recipe's name, for show and copy.")] = None,
) -> None:
    """List the shipped recipes; `show NAME` prints one, `copy NAME` puts it into this folder to edit."""
    from speech_tl.recipe import copy_recipe, script_titles, shipped_recipe, shipped_recipes

    if action == "list":
        _echo_titles(script_titles(shipped_recipes()))
    elif action in ("show", "copy") and name is None:
        raise BadInput(f"speech-tl recipes {action} needs a name (`speech-tl recipes` lists them)")
    elif action == "show":
        typer.echo(shipped_recipe(name).read_text(encoding="utf-8"))
    elif action == "copy":
        command = shlex.join(["speech-tl", "adapt", f"{Path(name).name}.py"])
        _echo(f"Copied to {copy_recipe(name)}: edit it and run `{command}`")
    else:
        raise BadInput(f"unknown action {action}: expected list, show or copy")


@app.command(cls=Verb)
def corpora(
    name: Annotated[str | None, typer.Argument(help="One of them, for licence, citation, splits and sources.")] = None,
) -> None:
    """List the public corpora that a script turns into a manifest, each with its command."""
    from shutil import get_terminal_size

    from speech_tl.data.corpora.shelf import corpus_named, listing, page

    typer.echo(listing(get_terminal_size((120, 24)).columns) if name is None else page(corpus_named(name)), nl=False)


@app.command(cls=Verb)
def doctor() -> None:
    """Show what this machine can do, and what to do about what is missing (exit code 1 when something must be)."""
    from rich.console import Console

    from speech_tl.reporting.doctor import examine, print_findings
    from speech_tl.reporting.screen import announce_loading

    announce_loading()
    findings = examine()
    print_findings(findings, Console())
    if any(finding.status == "bad" for finding in findings):
        raise typer.Exit(IN_PART)


def run_recipe(script: str) -> None:
    """Run a recipe script with the command line's overrides: `python recipes/accent/x.py training.max_steps=50`."""
    main(["adapt", script, *sys.argv[1:]])


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and leave with its exit code: 0 done, 1 done in part, 2 bad input, 130 interrupted, 143 SIGTERM,
    70 an error that nobody expected (a fault of ours, as sysexits.h has it).
    """
    sys.exit(_run(sys.argv[1:] if arguments is None else list(arguments)))


def _run(arguments: list[str]) -> int:
    """The exit code of a command; a user's mistake is one line, never a traceback, and so is a fault of ours."""
    if VERSION in arguments:
        typer.echo(f"speech-tl {__version__}")
        return DONE
    termination = Termination()
    try:
        with termination:
            code = app(arguments, prog_name="speech-tl", standalone_mode=False)
    except typer.TyperException as error:
        return _say(f"{error.format_message()} (see speech-tl --help)", BAD_INPUT)
    except BadInput as error:
        return _say(str(error), BAD_INPUT)
    except PartlyDone as error:
        for failure in error.failures:
            _complain(f"  {failure}")
        return _say(str(error), IN_PART)
    except Interrupted as error:
        if termination.asked or isinstance(error.__cause__, Terminated):
            return _say(f"terminated; {error}", TERMINATED)
        return _say(f"interrupted; {error}", INTERRUPTED)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Exception as error:
        if reason := disk_trouble(error):
            return _say(reason, BAD_INPUT)
        from speech_tl.uncaught import report

        return _say(report(error, arguments), OUR_FAULT)
    if code == INTERRUPTED:  # Typer itself turns Ctrl-C inside a command into this code
        if termination.asked:
            return _say("terminated", TERMINATED)
        return _say("interrupted", INTERRUPTED)
    return code if isinstance(code, int) else DONE


def _what_next(run: Path, recipe: str, base: str | None = None) -> list[str]:
    """Where a finished run's report and model are, and what to do with them, as commands that can be pasted."""
    model = str(run / "model")
    lines = [
        f"Report: {run / 'report.html'}",
        f"Model:  {model}",
        "Next:",
        f"  {shlex.join(['speech-tl', 'transcribe', '--model', model])} FILE",
        f"  {shlex.join(['speech-tl', 'evaluate', '--model', model])} --data MANIFEST",
    ]
    if base is not None:
        lines.append(f"  {shlex.join(['speech-tl', 'demo', '--before', base, '--after', model])}")
    if Path(recipe).stem != OWN_VOICE.rpartition("/")[2]:
        lines.append(f"  speech-tl adapt {OWN_VOICE} data.root=MY.csv   (your own recordings)")
    return [*lines, "  speech-tl recipes                                   (what else is ready)"]


def _echo_titles(titles: dict[str, str]) -> None:
    """Names and what they are, in two columns."""
    width = max(map(len, titles), default=0)
    for name, title in titles.items():
        typer.echo(f"{name:<{width}}  {title}")


def _tell_about(transcript: Transcript, screen: Screen) -> None:
    """Say which language was heard in a recording, where one had to be, and what was odd about its sound."""
    for note in transcript.notes:
        screen.line(f"Note: {note}")
    if transcript.language_probability is not None:
        from speech_tl.text import language_name

        spoken = f"{transcript.language} ({language_name(transcript.language)})"
        probability = f"{transcript.language_probability:.2f}"
        screen.line(f"{transcript.audio}: language {spoken}, p = {probability}; --language says another")


def _base_of(model: Mapping[str, Any]) -> list[str]:
    """Which model an adapter was put on: the adapter itself names it."""
    return [f"{model.get('source')} is an adapter; it was loaded on {model['base']}"] if model.get("base") else []


def _transcripts_line(out: Path, formats: Sequence[str], written: int, kept: int) -> str:
    """What `transcribe` left in its folder."""
    line = f"Wrote {written} transcript{'' if written == 1 else 's'} ({', '.join(formats)}) into {out}"
    return line + (f"; {kept} were there already" if kept else "")


def _say(line: str, code: int) -> int:
    """One line on standard error."""
    _complain(f"speech-tl: {line}")
    return code


def _complain(line: str) -> None:
    """One line on standard error, whatever data and paths bring into it."""
    from speech_tl.text.printing import printable

    typer.echo(printable(line), err=True)


def _echo(page: str, *, nl: bool = True) -> None:
    """Lines on standard output; what data and paths bring into them steers no terminal."""
    from speech_tl.text.printing import printable

    typer.echo(printable(page, lines=True), nl=nl)


def _console() -> Console:
    """Where reports and progress go: standard error, so that transcripts can be piped."""
    from rich.console import Console

    return Console(stderr=True)


def _require_one_source(
    model: str | None,
    hypotheses: Path | None,
    data: str | None,
    seconds: float | None,
    engine: str | None,
    test_time: bool,
    search: Mapping[str, Any],
) -> None:
    """Refuse options of `evaluate` that do not go together."""
    if (model is None) == (hypotheses is None):
        raise BadInput("evaluate needs one of --model (decodes audio) and --hypotheses (text from elsewhere)")
    if model is not None and data is None:
        raise BadInput("evaluate --model needs --data, a manifest of what is to be recognised")
    if hypotheses is not None and seconds is not None:
        raise BadInput("--batch-seconds is for --model: with --hypotheses nothing is decoded")
    if hypotheses is not None and engine is not None:
        raise BadInput("--engine is for --model: with --hypotheses nothing is decoded")
    if hypotheses is not None and test_time:
        raise BadInput("--test-time is for --model: with --hypotheses nothing is decoded")
    if hypotheses is not None and search:
        raise BadInput(f"{_option(next(iter(search)))} is for --model: with --hypotheses nothing is decoded")


def _search(
    beam: int | None,
    lm: Path | None,
    lm_weight: float | None,
    word_bonus: float | None,
    hotwords: Path | None,
    hotword_weight: float | None,
) -> dict[str, Any]:
    """The options of beam search that were given.

    Raises:
        BadInput: a weight without what it weighs.
    """
    if lm is None and (lm_weight is not None or word_bonus is not None):
        raise BadInput(f"{'--word-bonus' if lm_weight is None else '--lm-weight'} goes with --lm FILE")
    if hotwords is None and hotword_weight is not None:
        raise BadInput("--hotword-weight goes with --hotwords FILE")
    given = {
        "beam": beam,
        "lm": lm,
        "lm_weight": lm_weight,
        "word_bonus": word_bonus,
        "hotwords": hotwords,
        "hotword_weight": hotword_weight,
    }
    return {name: value for name, value in given.items() if value is not None}


def _option(name: str) -> str:
    """A field's name as an option of the command line."""
    return f"--{name.replace('_', '-')}"


def _decoding(
    batch_seconds: float | None,
    engine: str | None,
    audio_context: str,
    test_time: bool,
    search: Mapping[str, Any] | None = None,
) -> DecodingOptions:
    """Decoding options from the command line; `search` as `_search` has it."""
    from pydantic import ValidationError

    from speech_tl.models.options import SUTA, DecodingOptions

    if test_time and engine == "ctranslate2":
        raise BadInput("--test-time moves the model's own weights, --engine ctranslate2 has a copy: leave one out")
    given = {"batch_seconds": batch_seconds, "engine": engine, "audio_context": audio_context}
    given |= {"test_time": SUTA() if test_time else None, **(search or {})}
    wants = {"engine": "torch or ctranslate2", "audio_context": "auto or full", "beam": "1 to 1000"}
    wants |= dict.fromkeys(("lm_weight", "hotword_weight"), "0 to 100") | {"word_bonus": "-100 to 100"}
    try:
        return DecodingOptions(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        wrong = error.errors()[0]["loc"][0]
        wanted = wants.get(wrong, "a number of seconds above 0")
        raise BadInput(f"{_option(wrong)} {given[wrong]}: expected {wanted}") from error


if __name__ == "__main__":
    main()
