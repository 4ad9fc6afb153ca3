"""`export` and `push`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from speech_tl.commands.options import MODEL, Language
from speech_tl.commands.terminal import echo, new_console
from speech_tl.errors import BadInput

if TYPE_CHECKING:
    pass


def _target_names() -> list[str]:
    """For the shell's completion."""
    from speech_tl.exporting.targets import target_names

    return target_names()


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
    from speech_tl.screen import Screen, announce_loading

    if no_compare and (clips or allow_loss):
        raise BadInput("--no-compare goes with neither --clips nor --allow-loss: nothing is compared")
    announce_loading()
    from speech_tl.exporting.export import export as run

    screen = Screen(new_console())
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
        echo(upload.listing(public))
        return
    from speech_tl.screen import Screen

    screen = Screen(new_console())
    for note in upload.notes():
        screen.line(f"Note: {note}")
    screen.line(f"Pushed {len(upload.files)} files: {upload.send(public=public, token=token)}")
