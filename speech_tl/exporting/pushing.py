"""A model's folder on the Hugging Face Hub: what is sent, to whom it is visible, and what stands in the way."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from speech_tl.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from huggingface_hub import HfApi

DESCRIBED = ("config.json", "adapter_config.json", "export.json")
"""One of them is in every folder that can be pushed."""

CARD = "README.md"

NOT_SENT = (
    *("checkpoint-*", "runs", "__pycache__", "optimizer.pt", "scheduler.pt", "scaler.pt", "rng_state*.pth"),
    *("trainer_state.json", "training_args.bin"),
)
"""What a Trainer leaves in a model's folder and nobody loads; nor is anything hidden sent."""

OWNER_AND_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")

MESSAGE = "A model adapted with speech_tl"


@dataclass(frozen=True)
class Upload:
    """A folder's files for a repository.

    Attributes:
        folder: the model's.
        repo: "owner/name".
        files: paths in the folder, and in the repository, with their sizes in bytes.
    """

    folder: Path
    repo: str
    files: dict[str, int]

    @classmethod
    def of(cls, folder: Path, repo: str) -> Upload:
        """What would be sent; nothing is.

        Raises:
            BadInput: no folder of a model, an adapter for a model that is on this machine only, or no such name of a
                repository.
        """
        folder = folder.expanduser()
        if not folder.is_dir():
            raise BadInput(f"push {folder}: no such folder; expected the folder of a model, such as runs/NAME/model")
        if not any((folder / name).is_file() for name in DESCRIBED):
            inner = folder / "model"
            hint = f"; did you mean {inner}?" if (inner / DESCRIBED[0]).is_file() else ""
            raise BadInput(f"push {folder}: no folder of a model (it has none of {', '.join(DESCRIBED)}){hint}")
        if not _is_name(repo):
            raise BadInput(f"push: {repo} is no name of a repository on the Hub; expected OWNER/NAME")
        _refuse_local_base(folder)
        found = sorted(path for path in folder.rglob("*") if path.is_file())
        names = {path.relative_to(folder).as_posix(): path.stat().st_size for path in found}
        return cls(folder, repo, {name: size for name, size in names.items() if _is_sent(name)})

    def notes(self) -> list[str]:
        """What a user should know before it is sent."""
        if CARD not in self.files:
            return [f"{self.folder} has no {CARD}, so the model has no card; a run's model/ has one with its results"]
        if "model-index" not in (self.folder / CARD).read_text(encoding="utf-8", errors="replace"):
            return [f"{self.folder / CARD} has no model-index: the Hub shows no results"]
        return []

    def listing(self, public: bool) -> str:
        """The files with their sizes, and who would see them."""
        seen = "public" if public else "private"
        lines = [f"{size / 1e6:12,.3f} MB  {name}" for name, size in self.files.items()]
        total = f"{sum(self.files.values()) / 1e6:12,.3f} MB  {len(self.files)} files, to {self.repo} ({seen})"
        return "\n".join([*lines, total, *(f"Note: {note}" for note in self.notes()), "Nothing was sent (--dry-run)."])

    def send(self, *, public: bool, token: str | None) -> str:
        """Make the repository where there is none, and commit all files at once; returns its page.

        Args:
            public: whether everyone may see it.
            token: None takes that of the environment or of `hf auth login`.

        Raises:
            BadInput: no token, one that the Hub does not know or that may not write there, a repository that is public
                while that was not asked for, or a Hub that cannot be reached.
        """
        from huggingface_hub import CommitOperationAdd, HfApi, get_token

        token = token or get_token()
        if not token:
            raise BadInput(
                "push needs a token of the Hub that may write: `hf auth login`, HF_TOKEN=... or --token; make one at "
                "https://huggingface.co/settings/tokens"
            )
        api = HfApi(token=token)
        with self._understood():
            api.whoami()
            self._make(api, public)
            added = [CommitOperationAdd(name, str(self.folder / name)) for name in self.files]
            api.create_commit(self.repo, added, commit_message=MESSAGE)
            return f"{api.endpoint}/{self.repo}"

    def _make(self, api: HfApi, public: bool) -> None:
        """Make the repository, or look at the one that is there: what is private must not become public by accident."""
        from huggingface_hub.errors import RepositoryNotFoundError

        try:
            there = api.repo_info(self.repo)
        except RepositoryNotFoundError:
            api.create_repo(self.repo, private=not public)
            return
        if not there.private and not public:
            raise BadInput(f"{self.repo} is there already and public: give --public to add to it, or another name")

    @contextmanager
    def _understood(self) -> Iterator[None]:
        """Within, what the Hub says against it becomes one line."""
        from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

        # What it is made of is the HTTP library's own error (httpx or its successor, by the Hub's version) and OSError.
        unreachable = (*HfHubHTTPError.__bases__, OfflineModeIsEnabled)

        try:
            yield
        except HfHubHTTPError as error:
            code = error.response.status_code
            if code == 401:
                why = (
                    "the Hub does not know this token: make one that may write, https://huggingface.co/settings/tokens"
                )
            elif code == 403:
                why = "this token may not write there: it needs the role write, and the owner must be you or yours"
            else:
                why = f"the Hub says {code}: {_first_line(error)}"
            raise BadInput(f"push to {self.repo}: {why}") from error
        except unreachable as error:
            raise BadInput(f"push to {self.repo}: the Hub cannot be reached ({_first_line(error)})") from error


def _is_name(repo: str) -> bool:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(repo)
    except HFValidationError:
        return False
    return bool(OWNER_AND_NAME.fullmatch(repo))


def _is_sent(name: str) -> bool:
    parts = Path(name).parts
    return not any(part.startswith(".") or any(fnmatch(part, out) for out in NOT_SENT) for part in parts)


def _refuse_local_base(folder: Path) -> None:
    """An adapter without its base is nothing, and its base's path is nobody's business."""
    config = folder / "adapter_config.json"
    if not config.is_file():
        return
    try:
        base = str(json.loads(config.read_text(encoding="utf-8")).get("base_model_name_or_path") or "")
    except (ValueError, AttributeError) as error:
        raise BadInput(f"push {folder}: {config.name} is damaged; copy it again") from error
    if not OWNER_AND_NAME.fullmatch(base) or Path(base).exists():
        whole = folder.parent / "model"
        instead = f"push {whole}" if (whole / "config.json").is_file() else "push a whole model (export --to hf)"
        raise BadInput(f"push {folder}: its base {base or '(none)'} is on no Hub, so nobody could load it; {instead}")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
