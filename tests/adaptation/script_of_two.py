"""A user's script that torchrun starts: it adapts twice, and every process goes on with what came out.

python -m tests.adaptation.script_of_two RECIPE OUT
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import speech_tl as st
from speech_tl.recipe import recipe_from_yaml

if __name__ == "__main__":
    recipe, out = recipe_from_yaml(Path(sys.argv[1])), Path(sys.argv[2])
    for run in ("first", "second"):
        result = st.adapt(recipe, out / run)
        told = {"target": result.report.as_dict()["target"], "utterances": len(result.after.utterances)}
        (out / f"{run}-{os.environ['RANK']}.json").write_text(json.dumps(told))
