"""Studies from scripts and the shipped collection."""

from __future__ import annotations

from pathlib import Path

from speech_tl.errors import BadInput
from speech_tl.recipe.reading import STUDIES, defined_in, shipped_studies
from speech_tl.study.value import Study
from speech_tl.text import nearest


def read_study(name: str) -> Study:
    """A study from a script, or by the name of a shipped one ("study/strategies", or "strategies" alone).

    Raises:
        BadInput: not found (the nearest name is given), or the script holds no study.
    """
    path, known = Path(name), shipped_studies()
    if path.suffix != ".py":
        short = {other.removeprefix(STUDIES): script for other, script in known.items()}
        if name not in known and name not in short:
            hint = nearest(name, [*known, *short])
            raise BadInput(
                f"study {name} not found" + (f"; did you mean {hint}?" if hint else f"; there are {', '.join(known)}")
            )
        path = known[name] if name in known else short[name]
    if not path.is_file():
        raise BadInput(f"study {path} does not exist: give a script with `study = Study(...)`")
    found = defined_in(path, "study")
    if not isinstance(found, Study):
        raise BadInput(f"{path} has no `study = Study(...)`")
    return found
