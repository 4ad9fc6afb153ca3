"""The notebooks of the documentation run from top to bottom, on the small models that ship."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_from_top_to_bottom(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed (extra [test])")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed (extra [test])")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed (extra [test])")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    book = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") for cell in book.cells), "outputs are not stored: they would be this machine's"

    nbclient.NotebookClient(
        book, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()

    folder = tmp_path / "runs" / path.stem
    assert (folder / "report.html").is_file() and (folder / "model" / "model.safetensors").is_file()
    shown = "".join(output.get("text", "") for cell in book.cells for output in cell.get("outputs", []))
    assert "WER" in shown, "it shows what was reached"


def test_there_are_two() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["first_adaptation", "own_voice"]
