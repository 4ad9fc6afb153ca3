"""Miniatures of public corpora in their true layouts: names, separators, encodings and what is odd about some rows."""

from __future__ import annotations

import csv
import gzip
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import soundfile

RATE = 16000


def sound(path: Path, seconds: float = 0.4, channels: int = 1, rate: int = RATE) -> Path:
    """A tone in the format of the suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tone = 0.3 * np.sin(2 * np.pi * 220 * np.arange(round(seconds * rate)) / rate)
    waveform = np.stack([tone] * channels, axis=1).astype(np.float32)
    if path.suffix == ".webm":
        return webm(path, waveform)
    kinds = {".opus": ("OGG", "OPUS"), ".ogg": ("OGG", None), ".mp3": ("MP3", None), ".flac": ("FLAC", None)}
    kind, subtype = kinds.get(path.suffix.lower(), ("WAV", None))
    soundfile.write(path, waveform, rate, format=kind, subtype=subtype)
    return path


def webm(path: Path, waveform: np.ndarray, rate: int = RATE) -> Path:
    """Opus in WebM, as browsers record it."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libopus", rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(waveform[:, :1].T.copy(), format="flt", layout="mono")
        frame.sample_rate = rate
        container.mux([packet for ready in [frame, None] for packet in stream.encode(ready)])
    return path


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding=encoding)
    return path


def tarred(folder: Path, archive: Path, inside: str | None = None) -> Path:
    archive.parent.mkdir(parents=True, exist_ok=True)
    mode = {".gz": "w:gz", ".bz2": "w:bz2", ".tgz": "w:gz"}.get(archive.suffix, "w")
    with tarfile.open(archive, mode) as tar:
        tar.add(folder, inside or folder.name)
    return archive


def zipped(folder: Path, archive: Path, inside: str = "") -> Path:
    """A folder's content, at the top of the archive or below `inside`."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w") as opened:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                opened.write(path, (Path(inside) / path.relative_to(folder)).as_posix())
    return archive


def made(script: Callable[[Sequence[str]], int], out: Path, *arguments: object, code: int = 0) -> list[dict[str, str]]:
    """Run a script; the rows of its manifest."""
    assert script([*map(str, arguments), "--out", str(out)]) == code
    with (out / "manifest.csv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    missing = [row["audio"] for row in rows if not (out / row["audio"]).is_file()]
    assert not missing, missing
    return rows


def speechocean762(folder: Path) -> Path:
    """Six speakers, two utterances each: tables with tabs or spaces, WAVE/SPEAKERxxxx/*.WAV."""
    root = folder / "speechocean762"
    people = {"train": {"0001": 6, "0005": 9, "0960": 25, "1012": 31}, "test": {"0003": 7, "5015": 22}}
    for part, speakers in people.items():
        tables = dict.fromkeys(("wav.scp", "text", "utt2spk", "spk2gender", "spk2age"), "")
        for speaker, age in speakers.items():
            tables["spk2gender"] += f"{speaker}\t{'m' if age % 2 else 'f'}\n"
            tables["spk2age"] += f"{speaker}\t{age}\n"
            for utterance in (f"0{speaker}0011", f"0{speaker}0035"):
                wav = f"WAVE/SPEAKER{speaker}/{utterance}.WAV"
                sound(root / wav, 1.0)
                tables["wav.scp"] += f"{utterance}\t{wav}\n"
                tables["text"] += f"{utterance}\tMARK'S ELEPHANT\n"
                tables["utt2spk"] += f"{utterance} {speaker}\n"
        for name, content in tables.items():
            write(root / part / name, content)
    return root


CV_HEADER = (
    "client_id\tpath\tsentence_id\tsentence\tsentence_domain\tup_votes\tdown_votes\tage\tgender\taccents\t"
    "variant\tlocale\tsegment\n"
)
CV_FR_HEADER = "client_id\tpath\tsentence\tup_votes\tdown_votes\tage\tgender\taccent\tlocale\tsegment\n"


def common_voice(folder: Path) -> Path:
    """English with tabs, quotes and several accents; Welsh without clip_durations.tsv, with the older columns."""
    root = folder / "cv-corpus-24.0-2025-12-05"
    ann, bob, cat, dan = ("a" * 128, "b" * 128, "c" * 128, "d" * 128)

    def line(client: str, name: str, sentence: str, accents: str = "", gender: str = "") -> str:
        sound(root / "en" / "clips" / name, 0.5)
        return f"{client}\t{name}\tid{name}\t{sentence}\t\t2\t0\ttwenties\t{gender}\t{accents}\t\ten\t\n"

    scots = "Scottish English|slightly nasal"
    train = [
        line(ann, "common_voice_en_1.mp3", '"Go!" she said, "now."', scots, "female_feminine"),
        line(ann, "common_voice_en_2.mp3", '"He said ""no"" to\tall of them"', scots, "female_feminine"),
        line(ann, "common_voice_en_3.mp3", "", scots),
        f"{ann}\tcommon_voice_en_4.mp3\n",
    ]
    india = "India and South Asia (India, Pakistan, Sri Lanka)"
    dev = [line(bob, "common_voice_en_5.mp3", "A second one.", india, "male_masculine")]
    test = [line(cat, "common_voice_en_6.mp3", "A third one.", "United States English,England English")]
    other = [
        line(dan, "common_voice_en_7.mp3", "Something else.", "England English"),
        line(dan, "common_voice_en_8.mp3", "A THIRD ONE.", "England English"),  # a sentence of test
        line(cat, "common_voice_en_9.mp3", "Said by a test speaker."),
    ]
    for name, lines in {"train": train, "dev": dev, "test": test, "validated": train + dev + test + other}.items():
        write(root / "en" / f"{name}.tsv", CV_HEADER + "".join(lines))
    lengths = "".join(f"common_voice_en_{number}.mp3\t{500 + number}\n" for number in range(1, 10))
    write(root / "en" / "clip_durations.tsv", f"clip\tduration[ms]\n{lengths}")
    for name in ("train", "dev", "test"):
        sound(root / "cy" / "clips" / f"{name}.mp3", 0.5)
        write(root / "cy" / f"{name}.tsv", f"{CV_FR_HEADER}{name}\t{name}\tMae'n braf – iawn.\t2\t0\t\t\t\tcy\t\n")
    return root


def fleurs(folder: Path, packed: bool = False) -> Path:
    """Welsh; quotes that belong to the sentence and one row in CSV's quotes."""
    root = folder / "cy_gb"
    for split, count in {"train": 2, "dev": 1, "test": 1}.items():
        lines = []
        for number in range(count):
            sound(root / "audio" / split / f"100{number}{split}.wav", 0.5)
            said = ['Dywedodd "na" wrthynt.', '"Mae ""hi"" yma."'][number]
            lines.append(f"{number}\t100{number}{split}.wav\t{said}\tdywedodd na\td y w |\t8000\tFEMALE\n")
        write(root / f"{split}.tsv", "".join(lines))
        if packed:
            tarred(root / "audio" / split, root / "audio" / f"{split}.tar.gz")
            for path in (root / "audio" / split).iterdir():
                path.unlink()
            (root / "audio" / split).rmdir()
    return root


VOX_HEADER = "id\traw_text\tnormalized_text\tspeaker_id\tsplit\tgender\tis_gold_transcript\taccent\n"


def voxpopuli_cut(folder: Path) -> Path:
    """What voxpopuli.get_asr_data writes."""
    root = folder / "transcribed_data" / "en_accented"
    name = "20180613-0900-PLENARY-15-en_20180613-15:02:23_2"
    sound(root / "2018" / f"{name}.ogg", 0.5)
    write(root / "asr_test.tsv", f'{VOX_HEADER}{name}\t"Thank you."\tthank you\t28214\ttest\tmale\tTrue\ten_nl\n')
    return root.parent


def voxpopuli_hub(folder: Path) -> Path:
    """The copy on the Hub: archives of parts."""
    root = folder / "voxpopuli" / "data" / "nl"
    for split in ("train", "dev", "test"):
        sound(folder / "making" / f"{split}_part_0" / f"2019-{split}_0.ogg", 0.5)
        tarred(folder / "making" / f"{split}_part_0", root / split / f"{split}_part_0.tar.gz")
        write(root / f"asr_{split}.tsv", f"{VOX_HEADER}2019-{split}_0\t\tdank u\tNone\t{split}\tfemale\tFalse\tNone\n")
    return root.parents[1]


def voxpopuli_sessions(folder: Path) -> Path:
    """Whole sessions and the table with bars."""
    root = folder / "voxpopuli"
    sound(root / "raw_audios" / "original" / "2019" / "20190101-PLENARY_original.ogg", 3.0)
    header = "id_|paragraph_id|session_id|speaker_id|original_text|normed_text|decoded|start_time|end_time|"
    header += "cer|wer|vad|split|gender"
    line = "{n}|p|20190101-PLENARY|77|Dank u.|dank u|dank|{a}|{b}|0|0|[]|{split}|female"
    lines = [line.format(n=1, a=0.5, b=1.5, split="train"), line.format(n=2, a=1.5, b=2.25, split="invalid")]
    root.joinpath("asr_nl.tsv.gz").write_bytes(gzip.compress("\n".join([header, *lines, ""]).encode()))
    return root


def mls(folder: Path) -> Path:
    root = folder / "mls_polish_opus"
    for split, speaker in {"train": "6892", "dev": "8758", "test": "6892"}.items():
        texts, segments = "", ""
        for number in range(2):
            name = f"{speaker}_{9 if split == 'test' else 8}_00000{number}"
            speaker_, book = name.split("_")[:2]
            sound(root / split / "audio" / speaker_ / book / f"{name}.opus", 0.5)
            texts += f"{name}\tjak się masz\n"
            segments += f"{name}\thttp://www.archive.org/x.mp3\t{number}.0\t{number}.5\n"
        write(root / split / "transcripts.txt", texts)
        write(root / split / "segments.txt", segments)
    write(root / "train" / "limited_supervision" / "9hr" / "handles.txt", "6892_8_000001\n")
    write(
        root / "metainfo.txt",
        " SPEAKER   |   GENDER   | PARTITION  |  MINUTES   |  BOOK ID   |  TITLE  |  CHAPTER  \n"
        "  6892     |     M      |   train    |   17.148   |   8        | Pan | Ch. II: One | Two\n"
        "  8758     |     F      |   dev      |   7.1      |   8        | Pan |\n",
    )
    return root


def librispeech(folder: Path) -> Path:
    root = folder / "LibriSpeech"
    write(
        root / "SPEAKERS.TXT",
        "; comment | with bars\n;ID  |SEX| SUBSET           |MINUTES| NAME\n"
        "19   | F | train-clean-5    | 25.19 | Kara Shallenberg\n84   | M | dev-clean-2 | 8.02 | Chris | Hughes\n",
    )
    for part, speaker in {"train-clean-5": "19", "dev-clean-2": "84"}.items():
        chapter = root / part / speaker / "198"
        for number in range(2):
            sound(chapter / f"{speaker}-198-000{number}.flac", 0.5)
        write(
            chapter / f"{speaker}-198.trans.txt",
            f"{speaker}-198-0000 NORTHANGER ABBEY\n{speaker}-198-0001 HER FATHER'S HOUSE\n",
        )
    return root


def l2_arctic(
    folder: Path, speakers: Sequence[str] = ("ASI", "RRBI", "SVBI", "TNI", "HJK"), sentences: int = 10
) -> Path:
    root = folder / "l2arctic_release_v5.0"
    for speaker in speakers:
        for number in range(sentences):
            sound(root / speaker / "wav" / f"arctic_a000{number}.wav", 0.3)
            write(root / speaker / "transcript" / f"arctic_a000{number}.txt", f"Author of the danger trail {number}")
        write(root / speaker / "textgrid" / "arctic_a0000.TextGrid", "")
    sound(root / "suitcase_corpus" / "wav" / "asi.wav", 0.3)
    write(root / "suitcase_corpus" / "transcript" / "asi.txt", "there was a suitcase")
    return root


AFRI_HEADER = (
    "idx,user_ids,accent,age_group,country,transcript,nchars,audio_ids,audio_paths,duration,origin,"
    "domain,split,gender\n"
)


def afrispeech(folder: Path) -> Path:
    """Two accents, of one only the archives are there; two clips share a file name; a line end inside a sentence."""
    root = folder / "afrispeech"
    sessions = [("train", "hausa", "s1", "same"), ("train", "hausa", "s2", "same"), ("test", "hausa", "s3", "x")]
    sessions += [("train", "igbo", "s4", "y")]
    for split, accent, session, name in sessions:
        path = f"/AfriSpeech-100/{split}/{session}/{name}.wav"
        row = f'1,u{session},{accent},19-25,NG,"Wound of {session}, packed\n",2,i,{path},5.0,nigerian,clinical,'
        row += f"{split},Female\n"
        for table in (root / "transcripts" / f"{split}.csv", root / "transcripts" / accent / f"{split}.csv"):
            write(table, (table.read_text() if table.is_file() else AFRI_HEADER) + row)
        if accent == "hausa":
            sound(folder / "making" / split / "data" / "data" / "intron" / session / f"{name}.wav", 0.5)
    for split in ("train", "test"):
        packed = root / "audio" / "hausa" / split / f"{split}_hausa_0.tar.gz"
        tarred(folder / "making" / split / "data", packed)
    return root


def edacc(folder: Path) -> Path:
    root = folder / "edacc_v1.0"
    question = "How would you describe your accent in English? (e.g. Italian, Glaswegian)"
    with write(root / "linguistic_background.csv", "").open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(
            ["Timestamp", "PARTICIPANT_ID", "What is your gender?", "What’s your ethnic background? ", question]
        )
        table.writerow(["1", "EDACC-C06-A", "Male", "White, other", "Scottish, \n Glaswegian "])
        table.writerow(["2", "EDACC-C07-A", "Female", "", "Jamaican"])
    for split, conversations in {"dev": ("06", "07", "08", "09"), "test": ("30_P1",)}.items():
        segments, texts, speakers = "", "", ""
        for number in conversations:
            name = f"EDACC-C{number}"
            sound(root / "data" / f"{name}.wav", 6.0, rate=32000)
            said = [
                "C ELEVEN DASH P ONE",
                "<LAUGH>",
                "IGNORE_TIME_SEGMENT_IN_SCORING",
                "UH <FOREIGN> YES",
                "RIGHT <OVERLAP> OKAY",
            ]
            for place, text in enumerate(said):
                utterance = f"{name}-00000000{place}"
                segments += f"{utterance} {name} {place}.00 {place}.75\n"
                texts += f"{utterance} {text}\n"
                speakers += f"{utterance} EDACC-C{number[:2]}-A\n"
        write(root / split / "segments", segments)
        write(root / split / "text", texts)
        write(root / split / "utt2spk", speakers)
        write(root / split / "conv.list", "\n".join(f"EDACC-C{number}" for number in conversations))
    return root


def openslr83(folder: Path) -> list[Path]:
    """Three archives, each with its recordings and lines at the top."""
    archives = []
    for name, speakers in {
        "scottish_english_male": ("scm_02484", "scm_04310"),
        "scottish_english_female": ("scf_03397",),
        "irish_english_male": ("irm_02484",),
    }.items():
        content, lines = folder / "making" / name, ""
        for speaker in speakers:
            sound(content / f"{speaker}_00388340153.wav", 0.5, rate=48000)
            lines += f"EN0037, {speaker}_00388340153, Well, if it's \"there\", I'll see it\n"
        write(content / "line_index.csv", lines)
        archives.append(zipped(content, folder / f"{name}.zip"))
    return archives


def vctk(folder: Path) -> Path:
    root = folder / "VCTK-Corpus-0.92"
    write(
        root / "speaker-info.txt",
        "ID  AGE  GENDER  ACCENTS  REGION COMMENTS \np225  23  F    English    Southern  England\n"
        "p226  22  M    Scottish   Fife\np280  25  F    Unknown    France (mic2 files unavailable)\n"
        "p315  18  M    American   New England (Text unavailable)\ns5    22  F    British\n",
    )
    for speaker in ("p225", "p226", "p280", "p315", "s5"):
        for microphone in ("mic1", "mic2"):
            if (speaker, microphone) not in (("p280", "mic2"), ("p315", "mic2")):
                sound(root / "wav48_silence_trimmed" / speaker / f"{speaker}_001_{microphone}.flac", 0.5, rate=48000)
        if speaker != "p315":
            write(root / "txt" / speaker / f"{speaker}_001.txt", "Please call Stella.\n")
    return root


def smc_malayalam(folder: Path, speakers: int = 12) -> Path:
    """Every speaker reads the same five sentences; one row has "default" votes, one too few."""
    root = folder / "msc"
    sentences = [f"അണ്ണാൻ കുഞ്ഞും തന്നാലായത് {number}." for number in range(5)]
    write(root / "sentences.tsv", "id\tsentence\n" + "".join(f"s{n}\t{text}\n" for n, text in enumerate(sentences)))
    lines = "id\tsentence\tuser\tfileName\tsample\ttime\tvote\n"
    for speaker in range(speakers):
        for number in range(5):
            name = f"audio/{speaker}-{number}.webm"
            if speaker == number == 0:
                sound(root / name, 0.5)
            else:
                root.joinpath(name).write_bytes((root / "audio" / "0-0.webm").read_bytes())
            lines += f"i{speaker}{number}\ts{number}\tUser{speaker}\t{name}\thttps://x\t1573228579118\t10\n"
    lines += (
        "j1\ts0\tUser0\taudio/0-0.webm\thttps://x\tdefault\tdefault\nj2\ts0\tUser1\taudio/0-0.webm\thttps://x\t1\t-3\n"
    )
    write(root / "speech.tsv", lines)
    write(root / "users.tsv", "id\tname\nUser0\tA Person's Name\n")
    return root


def openslr63(folder: Path) -> list[Path]:
    archives = []
    for gender, letter in {"female": "f", "male": "m"}.items():
        content = folder / "making" / gender
        sound(content / f"ml{letter}_00001_00012345678.wav", 0.5, rate=48000)
        stray = "\tx" if gender == "male" else ""
        write(content / "line_index.tsv", f"ml{letter}_00001_00012345678{stray}\tനിങ്ങളുടെ പേരെന്താണ്?\n")
        archives.append(zipped(content, folder / f"ml_in_{gender}.zip"))
    return archives


def rhasspy(folder: Path) -> Path:
    root = folder / "dataset-voice-kerstin"
    write(root / "README.md", "# Voice Dataset (kerstin)\n\n## Demographics\n\n* Language: German\n* Gender: female\n")
    sound(root / "audio" / "de_rhasspy-2109.webm", 0.5)
    sound(root / "audio" / "de_rhasspy-2033.webm", 0.5)
    write(
        root / "metadata.csv",
        'de_rhasspy-2109|In den unteren Ebenen waren sie den "HJ" - Führern gleichgestellt.\n'
        "de_rhasspy-2033|Sie trägt den Namen „Mariä Himmelfahrt“.\n",
    )
    return root


def fsdd(folder: Path) -> Path:
    root = folder / "free-spoken-digit-dataset"
    people = {"jackson": "USA/neutral", "nicolas": "BEL/French", "yweweler": "DEU/German"}
    entries = "".join(f"    {name!r}: {{'gender': 'male', 'accent': {accent!r}}},\n" for name, accent in people.items())
    write(root / "metadata.py", f'"""Speakers."""\n\nmetadata = {{\n{entries}}}\n')
    for name in people:
        for repetition in (0, 4, 5, 49):
            sound(root / "recordings" / f"7_{name}_{repetition}.wav", 0.3, rate=8000)
    sound(root / "recordings" / "noise.wav", 0.3, rate=8000)
    return root


def torgo(folder: Path) -> Path:
    root = folder / "TORGO"
    prompts = ["stick", "[say Ah-P-Eee repeatedly]", "input/images/beach1.jpg", "xxx", "The quick brown fox."]
    for speaker in ("F01", "FC01", "M03"):
        for number, prompt in enumerate(prompts, 1):
            session = root / speaker / "Session1"
            sound(session / "wav_headMic" / f"000{number}.wav", 0.5)
            write(session / "prompts" / f"000{number}.txt", prompt + "\n")
        sound(root / speaker / "Session2" / "wav_arrayMic" / "0001.wav", 0.5)
    return root


def musan(folder: Path) -> Path:
    root = folder / "musan"
    for number in range(5):
        sound(root / "noise" / "free-sound" / f"noise-free-sound-000{number}.wav", 0.5)
        sound(root / "noise" / "sound-bible" / f"noise-sound-bible-000{number}.wav", 0.5)
        sound(root / "speech" / "librivox" / f"speech-librivox-000{number}.wav", 0.5)
    write(root / "noise" / "free-sound" / "LICENSE", "public domain")
    return root


def demand(folder: Path) -> list[Path]:
    archives = []
    for place in ("DKITCHEN", "NPARK", "OOFFICE", "STRAFFIC"):
        for channel in (1, 2):
            sound(folder / "making" / place / place / f"ch{channel:02d}.wav", 0.5)
        archives.append(zipped(folder / "making" / place, folder / f"{place}_16k.zip"))
    return archives


def esc50(folder: Path) -> Path:
    root = folder / "ESC-50-master"
    lines = "filename,fold,target,category,esc10,src_file,take\n"
    for fold in range(1, 6):
        for target, category, esc10 in ((10, "rain", True), (16, "wind", False)):
            name = f"{fold}-1000{target}-A-{target}.wav"
            sound(root / "audio" / name, 0.5, rate=44100)
            lines += f"{name},{fold},{target},{category},{esc10},1000{target},A\n"
    write(root / "meta" / "esc50.csv", lines)
    return root


def ms_snsd(folder: Path) -> Path:
    root = folder / "MS-SNSD"
    for number in range(1, 11):
        sound(root / "noise_train" / f"Babble_{number}.wav", 0.5)
    sound(root / "noise_test" / "Babble_12.wav", 0.5)
    sound(root / "noise_test" / "AirConditioner_1.wav", 0.5)
    return root


def wham(folder: Path) -> Path:
    root = folder / "wham_noise"
    header = "utterance_id,File ID,L to R Width (cm),Location ID,Location Day ID,Noise Band,Reverberation Level\n"
    for part in ("tr", "cv", "tt"):
        sound(root / part / "01aa010b_0.97482_209a010p_-0.97482.wav", 0.5, channels=2)
        write(
            root / "metadata" / f"noise_meta_{part}.csv",
            f"{header}01aa010b_0.97482_209a010p_-0.97482.wav,3,17,12,12a,2,m\n",
        )
    return root


def rirs_noises(folder: Path) -> Path:
    root = folder / "RIRS_NOISES"
    real, lines = "real_rirs_isotropic_noises", ""
    for number, room in enumerate(("air_lecture", "air_lecture", "RVB2014_room1", "RWCP_ofc", "RWCP_e2a")):
        path = f"{real}/{room}_{number}.wav"
        sound(root / path, 0.5, channels=2)
        lines += f"--rir-id {number:05d} --room-id {room} RIRS_NOISES/{path}\n"
    write(root / real / "rir_list", lines)
    sound(root / real / "RVB2014_type1_noise_largeroom1_1.wav", 0.5)
    for size in ("small", "large"):
        path = f"simulated_rirs/{size}room/Room001/Room001-00001.wav"
        sound(root / path, 0.5)
        write(
            root / "simulated_rirs" / f"{size}room" / "rir_list",
            f"--rir-id {size}-1 --room-id {size}-Room001 RIRS_NOISES/{path}\n",
        )
    sound(root / "pointsource_noises" / "noise-free-sound-0001.wav", 0.5)
    return root
