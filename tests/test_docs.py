"""README and documentation: short enough, every link leads somewhere, every command that they show exists."""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import typer
import yaml

import speech_tl
from speech_tl.cli import app
from speech_tl.recipe import Recipe, read_recipe
from speech_tl.study import read_study
from speech_tl.training.run_files import RUN_FILES

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(ROOT.glob("docs/**/*.md"))
COMMANDS = typer.main.get_command(app).commands
RECIPE_FOR_ALL = "quickstart"
STANDS_FOR = {"RECIPE": RECIPE_FOR_ALL}


def made_pages() -> ModuleType:
    """docs/reference.py, as mkdocs loads it."""
    specification = importlib.util.spec_from_file_location("docs_reference", ROOT / "docs" / "reference.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


REFERENCE = made_pages()


def blocks(text: str) -> Iterator[str]:
    """Fenced blocks without a language, as commands and manifests stand in them."""
    for block in re.findall(r"^( *)```\n(.*?)^\1```", text, re.MULTILINE | re.DOTALL):
        yield re.sub(rf"^{block[0]}", "", block[1], flags=re.MULTILINE).replace("\\\n", " ")


def commands(program: str) -> list[tuple[str, list[str]]]:
    """(page, words) of every command line of a program that a page shows."""
    lines = [
        (path.relative_to(ROOT).as_posix(), re.split(r"\s+#\s", line)[0])
        for path in PAGES
        for block in blocks(path.read_text(encoding="utf-8"))
        for line in block.splitlines()
    ]
    words = [(page, shlex.split(line)) for page, line in lines if line.startswith(f"{program} ")]
    return list({f"{page} {' '.join(found)}": (page, found) for page, found in words}.values())


def shown(value: str | list[str]) -> str:
    """As a test's name."""
    return value if isinstance(value, str) else " ".join(value)[:80]


def test_the_readme_is_one_page_with_both_set_up_commands():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 160
    assert "\npip install -e . && python recipes/quickstart.py\n" in text
    assert "\npip install -e '.[test]' && pytest\n" in text
    assert 0 < (ROOT / "docs" / "images" / "report.png").stat().st_size < 150_000
    assert text.index("<!-- accent") < text.index("synthetic"), "a real figure stands before anything synthetic"


def test_pages_show_commands_at_all():
    assert len(commands("speech-tl")) > 60


@pytest.mark.parametrize(("page", "words"), commands("speech-tl"), ids=shown)
def test_commands_exist(page: str, words: list[str]):
    """The verb, every option, and every override."""
    _, verb, *rest = words
    assert verb in COMMANDS, f"{page}: there is no command {verb}"
    options = {option for parameter in COMMANDS[verb].params for option in parameter.opts}
    given = {word.partition("=")[0] for word in rest if word.startswith("--")}
    assert given <= options, f"{page}: {given - options}"
    overrides = [word for word in rest if re.match(r"[a-z]\w*(\.\w+)*=", word)]
    if verb == "adapt":
        read_recipe(STANDS_FOR.get(rest[0], rest[0])).with_overrides(overrides)
    if verb == "study" and rest:
        read_study(rest[0]).with_overrides(overrides)


@pytest.mark.parametrize(("page", "words"), commands("python"), ids=shown)
def test_scripts_and_modules_exist(page: str, words: list[str]):
    if words[1] != "-m":
        assert (ROOT / words[1]).is_file(), f"{page}: no {words[1]}"
        return
    module = words[2].removeprefix("speech_tl.") if "data_scripts" in words[2] else words[2]
    place = ROOT / module.replace(".", "/")
    assert place.with_suffix(".py").is_file() or (place / "__main__.py").is_file(), f"{page}: no module {words[2]}"


def test_tests_that_pages_name_exist():
    for path in PAGES:
        for name in re.findall(r"\btests/[\w/]+(?:\.py)?", path.read_text(encoding="utf-8")):
            assert (ROOT / name).exists(), f"{path.name}: no {name}"


def links(text: str) -> Iterator[str]:
    """Relative links, images too, without those in blocks of code."""
    bare = re.sub(r"^( *)```.*?^\1```", "", text, flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", bare)):
        if not re.match(r"[a-z]+:|#", link):
            yield link.partition("#")[0]


def test_the_workflow_elsewhere_runs_contributing_s_fast_lane():
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text())["jobs"]
    (told,) = re.findall(r"^pytest -n 0 .+$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    assert jobs["fast-lane"]["steps"][-1]["run"].strip() == told
    assert jobs["everything"]["steps"][-1]["run"] == "bash .ci/run"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_relative_links_lead_somewhere(path: Path):
    """In docs/ also to pages that are made when the site is built; elsewhere only to files that are there."""
    made = {(ROOT / "docs" / page).resolve() for page in REFERENCE.PAGES} if ROOT / "docs" in path.parents else set()
    for link in links(path.read_text(encoding="utf-8")):
        target = (path.parent / link).resolve()
        assert target.exists() or target in made, f"{path.name}: {link}"


def test_recipes_that_pages_name_are_shipped():
    for path in PAGES:
        for name in re.findall(r"`((?:accent|language|noise|speaker|pretrain)/\w+)`", path.read_text(encoding="utf-8")):
            read_recipe(name)


def test_every_page_is_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = [path.relative_to(ROOT / "docs").as_posix() for path in ROOT.glob("docs/**/*.md")]
    assert [page for page in [*pages, *REFERENCE.PAGES] if f": {page}\n" not in navigation] == []


# ---- the reference, which is made from the code


def test_every_field_of_a_recipe_is_described():
    rows = [row for _, _, rows in REFERENCE.sections_of(Recipe) for row in rows]
    assert len(rows) > 150
    untold = [key for key, _, _, what in rows if not what.strip()]
    assert untold == []
    keys = {key.strip("`") for key, *_ in rows}
    assert {"training.learning_rate", "augment.noise.snr_db", "keep.replay.share", "guards.NAME.limit"} <= keys
    assert {"strategy=lora strategy.rank", "decoding.test_time.steps", "unlabelled.rounds"} <= keys


def test_every_command_and_corpus_is_in_the_reference():
    page = REFERENCE.commands_page()
    assert [verb for verb in COMMANDS if f"## speech-tl {verb}\n" not in page] == []
    options = {option for command in COMMANDS.values() for parameter in command.params for option in parameter.opts}
    assert [option for option in options if option.startswith("--") and option not in page] == []
    from speech_tl.data.corpora.catalogue import corpora

    assert [name for name in corpora() if f"### {name}\n" not in REFERENCE.corpora_page()] == []


def test_python_page_has_every_public_name_with_its_arguments():
    page = REFERENCE.python_page()
    assert [name for name in speech_tl.__all__ if f"## st.{name}\n" not in page] == []
    assert "| `max_segment_s` |" in page


def test_files_of_a_run_are_all_described():
    """What tests find in a run's folder (`tests/test_adaptation.py`) is on the page."""
    described = " ".join(RUN_FILES)
    expected = re.search(
        r"assert here >= \{(.*?)\}", (ROOT / "tests/test_adaptation.py").read_text(encoding="utf-8"), re.DOTALL
    )
    for name in re.findall(r'"([\w./]+)"', expected[1]):
        assert name in described or f"{name.partition('/')[0]}/" in described, name


def test_a_figure_of_the_readme_is_shown_from_there():
    shown = REFERENCE.on_page_markdown("<!-- README: accent -->")
    assert "WER before" in shown and "](guides/forgetting.md)" in shown
    with pytest.raises(ValueError, match="no part"):
        REFERENCE.readme_part("nothing")


def test_the_citation_has_the_version():
    assert f"version: {speech_tl.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
