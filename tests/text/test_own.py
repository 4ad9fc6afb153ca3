"""A user's own function as a normaliser."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from speech_tl.errors import BadInput
from speech_tl.text import get_normaliser

RULES = """
def clean(text):
    return helper(text).replace("!", " ")

def helper(text):
    return text.upper()

def length(text):
    return len(text)

def picky(text):
    if "5" in text:
        raise ValueError("a digit")
    return text

number = 3
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with modules of the user's own in it; their names are new in each test."""
    monkeypatch.chdir(tmp_path)
    get_normaliser.cache_clear()
    return tmp_path


def module(folder: Path, name: str, source: str = RULES) -> None:
    (folder / f"{name}.py").write_text(source)


def test_a_function_of_the_current_folder_is_used_by_either_name(here: Path) -> None:
    module(here, "rules_one")
    own = get_normaliser("rules_one:clean")
    assert own("hello  you!") == "HELLO YOU"
    assert own.name == "rules_one:clean"
    dotted = get_normaliser("rules_one.clean")
    assert (dotted.name, dotted.rules_hash) == (own.name, own.rules_hash)
    assert pickle.loads(pickle.dumps(own))("hello!") == "HELLO"


def test_a_function_of_an_installed_package_is_used(here: Path) -> None:
    assert get_normaliser("textwrap:dedent")("  a\n  b") == "a b"


def test_the_hash_follows_the_functions_file(here: Path) -> None:
    module(here, "rules_two")
    module(here, "rules_three", RULES.replace("upper", "lower"))
    first, second = (get_normaliser(f"rules_{n}:helper").rules_hash for n in ("two", "three"))
    assert first != second
    get_normaliser.cache_clear()
    assert get_normaliser("rules_two:helper").rules_hash == first


@pytest.mark.parametrize(
    ("name", "source", "said"),
    [
        ("no_such_rules:clean", None, "no module no_such_rules in this folder or installed"),
        ("rules_a:claen", RULES, "has no claen; did you mean clean?"),
        ("rules_b:number", RULES, "rules_b:number is no function"),
        ("rules_c:length", RULES, "made int of 'Hello, you!'"),
        ("rules_d:clean", "import no_such_thing", "rules_d cannot be imported .*no_such_thing"),
        ("rules_e:clean", "def clean(", "rules_e cannot be imported .*SyntaxError"),
        ("rules_f:clean", "def clean():\n    return ''", "rules_f:clean failed on 'Hello, you!': TypeError"),
    ],
)
def test_a_function_that_cannot_be_used_is_refused_in_one_line(
    here: Path, name: str, source: str | None, said: str
) -> None:
    if source is not None:
        module(here, name.partition(":")[0], source)
    with pytest.raises(BadInput, match=said) as refused:
        get_normaliser(name)
    assert "\n" not in str(refused.value)


def test_a_text_that_the_function_cannot_take_is_named(here: Path) -> None:
    module(here, "rules_four")
    with pytest.raises(BadInput, match="rules_four:picky failed on 'gate 5': ValueError: a digit"):
        get_normaliser("rules_four:picky")("gate 5")
