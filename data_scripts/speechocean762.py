"""speechocean762: English read by 250 native speakers of Mandarin, half of them children, into a manifest.

    python -m data_scripts.speechocean762 --source DIR_OR_ARCHIVE --out DIR [--seed 0] [--dev-speakers 12]
    python -m data_scripts.speechocean762 --download --out DIR

Corpus: OpenSLR SLR101 (CC BY 4.0), Zhang et al., "speechocean762: An Open-Source Non-native English Speech Corpus For
Pronunciation Assessment", Interspeech 2021. `--source` is the unpacked release (the folder that holds WAVE/, train/ and
test/) or its .tar.gz / .zip. The audio stays where it is (an archive is unpacked under --out).

The manifest's `test` is the corpus's test list, `dev` some speakers of its train list, drawn with `--seed` evenly from
children and adults, `train` the rest. `text` is the prompt in lower case; readers stumble, so even a person
would not score 0 % WER.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import random
import sys
import tarfile
import zipfile
from pathlib import Path

from speech_tl.errors import BadInput
from speech_tl.text import write_atomically

ADDRESS = "https://www.openslr.org/resources/101/speechocean762.tar.gz"
COLUMNS = ["audio", "text", "speaker", "accent", "language", "gender", "split", "duration", "age"]
TABLES = ("wav.scp", "text", "utt2spk", "spk2gender", "spk2age")
ADULT_AGE = 16


def read_table(path: Path) -> dict[str, str]:
    """A Kaldi table: the first word of a line, and the rest of it.

    Raises:
        BadInput: a line is a key without a value (file and line are named).
    """
    table = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        key, *rest = line.split(maxsplit=1)
        if not rest:
            raise BadInput(f"{path}:{number}: {key!r} has no value; expected 'key value' as in Kaldi files")
        table[key] = rest[0].strip()
    return table


def corpus_root(folder: Path) -> Path:
    """The folder at or just below `folder` that holds the corpus.

    Raises:
        BadInput: none does; the message names what was looked for.
    """
    wanted = [f"{part}/{table}" for part in ("train", "test") for table in TABLES]
    candidates = [folder, *sorted(child for child in folder.iterdir() if child.is_dir())]
    missing = {root: [name for name in ["WAVE", *wanted] if not (root / name).exists()] for root in candidates}
    root = min(candidates, key=lambda candidate: len(missing[candidate]))
    if missing[root]:
        raise BadInput(
            f"{folder} is not the speechocean762 release: looked there and one folder down for WAVE/ and "
            f"{', '.join(TABLES)} in train/ and test/; not found: {', '.join(missing[root][:4])}"
        )
    return root


def unpack(archive: Path, out: Path) -> Path:
    """Unpack the release's .tar.gz or .zip under `out`, once; the folder that holds it.

    Raises:
        BadInput: it is neither kind of archive, or is broken.
    """
    folder = out / "speechocean762"
    done = folder / ".unpacked"
    if done.exists():
        return folder
    print(f"unpacking {archive} to {folder}", file=sys.stderr)
    try:
        if zipfile.is_zipfile(archive):
            zipfile.ZipFile(archive).extractall(folder)
        else:
            with tarfile.open(archive) as tar:
                tar.extractall(folder, filter="data")
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise BadInput(f"{archive}: not a readable .tar.gz or .zip of speechocean762 ({error})") from error
    done.touch()
    return folder


def download(out: Path) -> Path:
    """Fetch the release from OpenSLR with progress, unless it is there; its path.

    OpenSLR publishes no checksum for it; pooch logs the SHA-256 of what came.

    Raises:
        BadInput: it cannot be fetched.
    """
    import pooch

    try:
        name = pooch.retrieve(ADDRESS, known_hash=None, fname="speechocean762.tar.gz", path=out, progressbar=True)
    except Exception as error:
        raise BadInput(f"{ADDRESS} could not be fetched ({error}); download it by hand and give --source") from error
    return Path(name)


def rows_of(root: Path, part: str, split_of: dict[str, str], out: Path) -> list[dict]:
    """Manifest rows of the corpus's `part` ("train" or "test"); audio paths are relative to `out`.

    Raises:
        BadInput: an utterance has no text or speaker, or its audio is missing.
    """
    import soundfile

    wavs, texts, speakers, genders, ages = (read_table(root / part / name) for name in TABLES)
    rows = []
    for utterance, wav in wavs.items():
        speaker, audio = speakers.get(utterance), root / wav
        if speaker is None or utterance not in texts:
            raise BadInput(f"{root / part}: utterance {utterance} is in wav.scp but not in text and utt2spk")
        if not audio.is_file():
            raise BadInput(
                f"{root / part / 'wav.scp'}: {wav} of utterance {utterance} is not there; looked for {audio}"
            )
        rows.append(
            {
                "audio": Path(os.path.relpath(audio, out)).as_posix(),
                "text": texts[utterance].lower(),
                "speaker": f"SO{speaker.removeprefix('SPEAKER')}",
                "accent": "mandarin",
                "language": "en",
                "gender": {"m": "male", "f": "female"}.get(genders.get(speaker, "").lower(), ""),
                "split": split_of.get(speaker, part),
                "duration": f"{soundfile.info(audio).duration:.3f}",
                "age": ages.get(speaker, ""),
            }
        )
    return rows


def dev_speakers(ages: dict[str, str], count: int, seed: int) -> list[str]:
    """`count` speakers, as many children (under 16) as adults where there are enough, the same for the same seed."""
    rng = random.Random(seed)
    groups = [[s for s in sorted(ages) if (int(ages[s]) < ADULT_AGE) is child] for child in (True, False)]
    for group in groups:
        rng.shuffle(group)
    children, adults = groups
    alternating = [speaker for pair in zip(children, adults, strict=False) for speaker in pair]
    rest = children[len(adults) :] + adults[len(children) :]
    return (alternating + rest)[:count]


def build(root: Path, out: Path, dev_count: int, seed: int) -> Path:
    """Write `out`/manifest.csv from the corpus at `root`; its path. Raises BadInput as `rows_of`."""
    root, out = root.resolve(), out.resolve()
    speakers = set(read_table(root / "train" / "utt2spk").values())
    ages = {speaker: age for speaker, age in read_table(root / "train" / "spk2age").items() if speaker in speakers}
    if dev_count >= len(speakers):
        raise BadInput(
            f"--dev-speakers {dev_count}: the train list has only {len(speakers)} speakers; leave some to train"
        )
    dev = dict.fromkeys(dev_speakers(ages, dev_count, seed), "dev")
    rows = rows_of(root, "train", dev, out) + rows_of(root, "test", {}, out)
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    counts = {split: sum(row["split"] == split for row in rows) for split in ("train", "dev", "test")}
    print(f"{out / 'manifest.csv'}: " + ", ".join(f"{split} {n}" for split, n in counts.items()), file=sys.stderr)
    return write_atomically(out / "manifest.csv", table.getvalue())


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code: 0 done, 2 bad input (one line says what)."""
    parser = argparse.ArgumentParser(
        prog="python -m data_scripts.speechocean762", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--source", type=Path, help="the unpacked release, or its .tar.gz or .zip")
    parser.add_argument("--download", action="store_true", help=f"fetch {ADDRESS} (about 500 MB) to --out first")
    parser.add_argument("--out", type=Path, required=True, help="folder for manifest.csv")
    parser.add_argument("--dev-speakers", type=int, default=12, help="how many train speakers become dev")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    try:
        build(_source(options), options.out, options.dev_speakers, options.seed)
    except (BadInput, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _source(options: argparse.Namespace) -> Path:
    if options.source is None and not options.download:
        raise BadInput("give --source DIR_OR_ARCHIVE (the speechocean762 release), or --download")
    source = options.source or download(options.out)
    if not source.exists():
        raise BadInput(f"--source {source}: no such folder or archive")
    return corpus_root(source if source.is_dir() else unpack(source, options.out))


if __name__ == "__main__":
    sys.exit(main())
