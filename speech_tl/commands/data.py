"""`check`, `hear`, `record` and `corpora`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from speech_tl.commands.terminal import echo, new_console
from speech_tl.errors import Interrupted, PartlyDone

if TYPE_CHECKING:
    pass


def check(
    manifest: Annotated[str, typer.Argument(help="Manifest, or a folder that holds one.")],
    model: Annotated[str | None, typer.Option(help="Also check texts against this model.")] = None,
    write_clean: Annotated[Path | None, typer.Option(help="Write the usable rows to this file.")] = None,
) -> None:
    """Look for problems in a data set before training on it; exit code 1 when rows cannot be used, 0 for notes."""
    from speech_tl.screen import Screen, announce_loading

    announce_loading()
    from speech_tl.data.check import check_manifest, print_check
    from speech_tl.data.check import write_clean as write
    from speech_tl.data.manifest import Manifest
    from speech_tl.data.writing import require_target

    console = new_console()
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
    from speech_tl.reporting.preview import hear as run

    options = augment_options(augment or [])
    table = Manifest.read(manifest)
    if any(table.texts("split")):
        table = Manifest.read(manifest, split=split)
    for example in run(table, options, out, count=count, seed=seed):
        echo(f"{out / example.files['heard']}: {example.done}")
    echo(f"All on one page: {out / 'index.html'}")


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
    from speech_tl.screen import Screen

    session, remarks = open_session(
        out, sentences=sentences, words=words, times=times, minutes=minutes, speaker=speaker, language=language
    )
    server = RecordingServer(session, host, port)
    screen = Screen(new_console())
    for line in [*remarks, *server.remarks]:
        screen.line(line)
    screen.line(f"Open this page and read (Ctrl-C ends): {server.address}")
    try:
        server.run()
    except KeyboardInterrupt as error:
        raise Interrupted(f"{session.summary()}; go on with the same command") from error
    for line in [session.summary(), *session.what_next()]:
        screen.line(line)


def corpora(
    name: Annotated[str | None, typer.Argument(help="One of them, for licence, citation, splits and sources.")] = None,
) -> None:
    """List the public corpora that a script turns into a manifest, each with its command."""
    from shutil import get_terminal_size

    from speech_tl.data.corpora.catalogue import corpus_named, listing, page

    typer.echo(listing(get_terminal_size((120, 24)).columns) if name is None else page(corpus_named(name)), nl=False)
