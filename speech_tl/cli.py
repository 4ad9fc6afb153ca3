"""The command line: all commands, and how each ends."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.core import TyperCommand

from speech_tl import __version__
from speech_tl.commands.adapting import adapt, recipes, study
from speech_tl.commands.data import check, corpora, hear, record
from speech_tl.commands.exporting import export, push
from speech_tl.commands.machine import doctor
from speech_tl.commands.measuring import compare, evaluate
from speech_tl.commands.serving import demo, live, serve
from speech_tl.commands.terminal import BAD_INPUT, DONE, IN_PART, INTERRUPTED, OUR_FAULT, TERMINATED, complain
from speech_tl.commands.transcribing import lm, segment, transcribe
from speech_tl.errors import BadInput, Interrupted, PartlyDone, Terminated, disk_trouble
from speech_tl.termination import Termination

app = typer.Typer(
    name="speech-tl",
    help="Adapt a pre-trained speech recogniser and see whether it got better.",
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

COMMANDS = (
    adapt,
    study,
    evaluate,
    compare,
    transcribe,
    lm,
    export,
    push,
    segment,
    check,
    hear,
    record,
    serve,
    demo,
    live,
    recipes,
    corpora,
    doctor,
)
"""In the order of the list that --help shows."""

VERSION = "--version"


class Verb(TyperCommand):
    """A command whose line in the list of commands is the whole first line of its docstring."""

    def get_short_help_str(self, limit: int = 45) -> str:
        """The first line, however long: the list wraps it."""
        return (self.help or "").partition("\n")[0]


@app.callback(invoke_without_command=True)
def speech_tl(
    context: typer.Context,
    version: Annotated[bool, typer.Option(VERSION, help="Show the version and exit.")] = False,
) -> None:
    """Adapt a pre-trained speech recogniser and see whether it got better."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


for _command in COMMANDS:
    app.command(cls=Verb)(_command)


def run_recipe(script: str) -> None:
    """Run a recipe script with the command line's overrides: `python recipes/accent/x.py training.max_steps=50`."""
    main(["adapt", script, *sys.argv[1:]])


def run_study_script(script: str) -> None:
    """Run a study script with the command line's overrides, as `speech-tl study` does."""
    main(["study", script, *sys.argv[1:]])


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
            complain(f"  {failure}")
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


def _say(line: str, code: int) -> int:
    """One line on standard error."""
    complain(f"speech-tl: {line}")
    return code


if __name__ == "__main__":
    main()
