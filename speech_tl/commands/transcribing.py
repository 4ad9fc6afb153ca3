"""`transcribe`, `segment` and `lm`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from speech_tl.commands.options import (
    AudioContext,
    BatchSeconds,
    Beam,
    Hotwords,
    HotwordWeight,
    Language,
    Lm,
    LmWeight,
    Model,
    On,
    TestTime,
    WordBonus,
    decoding_options,
    search_options,
)
from speech_tl.commands.terminal import base_of, echo, new_console
from speech_tl.errors import BadInput, Interrupted, PartlyDone

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel
    from speech_tl.models.options import DecodingOptions
    from speech_tl.screen import Screen
    from speech_tl.transcribing.converted_whisper import ConvertedWhisper
    from speech_tl.transcribing.formats import Transcript
    from speech_tl.transcribing.transcribe import ModelName


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
    engine: Annotated[
        str,
        typer.Option(help="What decodes a Whisper: torch or ctranslate2; auto is the latter in 8 bits on a CPU."),
    ] = "auto",
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
    from speech_tl.screen import Screen
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
    search = search_options(beam, lm, lm_weight, word_bonus, hotwords, hotword_weight)
    chosen_engine = None if engine == "auto" else engine
    options = decoding_options(batch_seconds, chosen_engine, audio_context, test_time, search).model_copy(
        update={"prompt": prompt}
    )
    console = new_console()
    screen = Screen(console)
    try:
        with screen.progress("transcribing") as update:
            chosen = ModelName(model, language, task)
            result = run(
                _model(chosen, options, screen) if jobs == 1 and on is None else chosen,
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
                echo(f"{printable(transcript.label)}\t{transcript.text}")
            else:
                echo(render(transcript, name, layout), nl=False)
    if out is not None:
        screen.line(_transcripts_line(out, formats, len(result.transcripts), len(result.skipped)))
    if result.failures:
        total = len(result.transcripts) + len(result.failures)
        lines = [failure.problem for failure in result.failures]
        raise PartlyDone(f"{len(result.failures)} of {total} recordings could not be transcribed", lines)


def _model(chosen: ModelName, options: DecodingOptions, screen: Screen) -> AcousticModel | ConvertedWhisper | ModelName:
    """What transcribes: without torch if it can; an adapter is loaded, as the user should know on what."""
    from speech_tl.screen import announce_loading

    if (known := chosen.known(options)) is not None:
        return known
    announce_loading()
    if chosen.state() is not None:
        return chosen
    model = chosen.load()
    for note in base_of({"source": model.source, "base": model.base}):
        screen.line(f"Note: {note}")
    return model


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
    from speech_tl.screen import Screen

    if drop and not not_in:
        raise BadInput("--drop goes with --not-in MANIFEST")
    made = make_lm(texts, out, order=order, language=language, not_in=not_in or [], drop=drop)
    ngrams = ", ".join(f"{count:,} {place}-grams" for place, count in enumerate(made.ngrams, 1))
    screen = Screen(new_console())
    if not_in:
        screen.line(f"{made.dropped} sentences left out, as dev or test has them")
    screen.line(f"Wrote {out}: {made.sentences:,} sentences, {made.words:,} words, {ngrams}")


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
    from speech_tl.screen import Screen, announce_loading

    announce_loading()
    from speech_tl.models.load import load_model
    from speech_tl.text import require_writable
    from speech_tl.transcribing.segmenting import refuse_options, segment_to_manifest

    refuse_options(audio, text, by, longest_s, min_confidence)
    require_writable(out)
    screen = Screen(new_console())
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


def _tell_about(transcript: Transcript, screen: Screen) -> None:
    """Say which language was heard in a recording, where one had to be, and what was odd about its sound."""
    for note in transcript.notes:
        screen.line(f"Note: {note}")
    if transcript.language_probability is not None:
        from speech_tl.text import language_name

        spoken = f"{transcript.language} ({language_name(transcript.language)})"
        probability = f"{transcript.language_probability:.2f}"
        screen.line(f"{transcript.audio}: language {spoken}, p = {probability}; --language says another")


def _transcripts_line(out: Path, formats: Sequence[str], written: int, kept: int) -> str:
    """What `transcribe` left in its folder."""
    line = f"Wrote {written} transcript{'' if written == 1 else 's'} ({', '.join(formats)}) into {out}"
    return line + (f"; {kept} were there already" if kept else "")
