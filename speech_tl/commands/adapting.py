"""`adapt`, `study` and `recipes`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from speech_tl.commands.options import On
from speech_tl.commands.terminal import echo, new_console
from speech_tl.errors import BadInput, Interrupted, PartlyDone

if TYPE_CHECKING:
    pass


OWN_VOICE = "speaker/my_voice"


def _recipe_names() -> list[str]:
    """For the shell's completion."""
    from speech_tl.recipe import shipped_recipes

    return list(shipped_recipes())


def _study_names() -> list[str]:
    """For the shell's completion."""
    from speech_tl.recipe import shipped_studies

    return list(shipped_studies())


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
    from speech_tl.screen import Screen, announce_loading

    announce_loading()
    from speech_tl.recipe import read_recipe

    if verbose and not dry_run:
        raise BadInput("--verbose goes with --dry-run; a run leaves its whole recipe in recipe.yaml")
    chosen = read_recipe(recipe, overrides or [])
    console = new_console()
    screen = Screen(console)
    if dry_run:
        from speech_tl.adaptation import plan

        echo(plan(chosen, screen, verbose=verbose))
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
    for line in _what_next(result.folder, recipe, result.report.model.get("source")):
        screen.line(line)
    worse = guard_warnings(result.report.guards)
    if worse and chosen.report.strict_guards:
        raise PartlyDone(f"{len(worse)} of {len(result.guards)} guards became worse than they may", worse)
    for line in worse:
        screen.line(f"Warning: {line}")


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
    from speech_tl.screen import Screen, announce_loading

    if study == "list":
        from speech_tl.recipe import script_titles, shipped_studies

        _echo_titles(script_titles(shipped_studies()))
        return
    announce_loading()
    from speech_tl.study import read_study, run_study

    chosen, screen = read_study(study).with_overrides(overrides or []), Screen(new_console())
    if dry_run:
        from speech_tl.study.planning import plan_study

        echo(plan_study(chosen, screen))
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


def recipes(
    action: Annotated[str, typer.Argument(help="list, show or copy.")] = "list",
    name: Annotated[str | None, typer.Argument(help="A recipe's name, for show and copy.")] = None,
) -> None:
    """List the shipped recipes; `show NAME` prints one, `copy NAME` puts it into this folder to edit."""
    from speech_tl.recipe import copy_recipe, script_titles, shipped_recipe, shipped_recipes

    if action == "list":
        _echo_titles(script_titles(shipped_recipes()))
        return
    if action not in ("show", "copy"):
        raise BadInput(f"unknown action {action}: expected list, show or copy")
    if name is None:
        raise BadInput(f"speech-tl recipes {action} needs a name (`speech-tl recipes` lists them)")
    if action == "show":
        typer.echo(shipped_recipe(name).read_text(encoding="utf-8"))
    else:
        command = shlex.join(["speech-tl", "adapt", f"{Path(name).name}.py"])
        echo(f"Copied to {copy_recipe(name)}: edit it and run `{command}`")


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
