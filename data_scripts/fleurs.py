"""FLEURS: the same sentences of news and encyclopaedia read in 102 languages, about 12 hours each.

    python -m data_scripts.fleurs --download --part cy_gb --out DIR
    python -m data_scripts.fleurs --source cy_gb.tar.gz --out DIR

Two layouts are known: Google's archive (cy_gb/train.tsv, cy_gb/audio/train/*.wav) and the copy on the Hub
(data/cy_gb/train.tsv, data/cy_gb/audio/train.tar.gz). The tables have no header and no quoting: id, file, sentence as
written, sentence normalised, its letters, samples, gender. `text` is the sentence as written. Who speaks is not
published, so `speaker` is empty; the official splits share no sentence.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from speech_tl.data.corpora import Context, Corpus, Download, Row, Script
from speech_tl.data.corpora.tables import read_unquoted, unquoted
from speech_tl.errors import BadInput

CODES = [
    "af_za", "am_et", "ar_eg", "as_in", "ast_es", "az_az", "be_by", "bg_bg", "bn_in", "bs_ba", "ca_es", "ceb_ph",
    "ckb_iq", "cmn_hans_cn", "cs_cz", "cy_gb", "da_dk", "de_de", "el_gr", "en_us", "es_419", "et_ee", "fa_ir",
    "ff_sn", "fi_fi", "fil_ph", "fr_fr", "ga_ie", "gl_es", "gu_in", "ha_ng", "he_il", "hi_in", "hr_hr", "hu_hu",
    "hy_am", "id_id", "ig_ng", "is_is", "it_it", "ja_jp", "jv_id", "ka_ge", "kam_ke", "kea_cv", "kk_kz", "km_kh",
    "kn_in", "ko_kr", "ky_kg", "lb_lu", "lg_ug", "ln_cd", "lo_la", "lt_lt", "luo_ke", "lv_lv", "mi_nz", "mk_mk",
    "ml_in", "mn_mn", "mr_in", "ms_my", "mt_mt", "my_mm", "nb_no", "ne_np", "nl_nl", "nso_za", "ny_mw", "oc_fr",
    "om_et", "or_in", "pa_in", "pl_pl", "ps_af", "pt_br", "ro_ro", "ru_ru", "sd_in", "sk_sk", "sl_si", "sn_zw",
    "so_so", "sr_rs", "sv_se", "sw_ke", "ta_in", "te_in", "tg_tj", "th_th", "tr_tr", "uk_ua", "umb_ao", "ur_pk",
    "uz_uz", "vi_vn", "wo_sn", "xh_za", "yo_ng", "yue_hant_hk", "zu_za",
]  # fmt: skip
COLUMNS = ("id", "file", "written", "normalised", "letters", "samples", "gender")
SAMPLE_RATE = 16000

CORPUS = Corpus(
    name="fleurs",
    title="FLEURS, the same sentences in 102 languages",
    kind="speech",
    language="102 languages",
    hours="about 12 h a language",
    speakers="",
    size="1 to 3 GB a language",
    licence="CC BY 4.0",
    citation='Conneau et al., "FLEURS: Few-shot Learning Evaluation of Universal Representations of Speech", SLT 2022',
    page="https://huggingface.co/datasets/google/fleurs",
    layout=(
        "lhotse: recipes/fleurs.py (columns, the 102 codes)",
        "tensorflow_datasets: xtreme_s (address and layout of Google's archives)",
    ),
    met="miniature",
    marks=("audio", "train.tsv|dev.tsv|test.tsv"),
    splits="official",
    downloads=tuple(
        Download(f"https://storage.googleapis.com/xtreme_translations/FLEURS102/{code}.tar.gz", part=code)
        for code in CODES
    ),
)


def rows(root: Path, context: Context) -> Iterator[Row]:
    """The sentences of one language."""
    for split in ("train", "dev", "test"):
        table = root / f"{split}.tsv"
        if not table.is_file():
            continue
        folder = audio_folder(root, split, context)
        for entry in read_unquoted(table, COLUMNS, names=COLUMNS):
            yield {
                "audio": folder / entry["file"],
                "text": unquoted(entry["written"]),
                "language": language_of(root),
                "gender": entry["gender"].lower() if entry["gender"] in ("MALE", "FEMALE") else "",
                "split": split,
                "duration": int(entry["samples"]) / SAMPLE_RATE,
                "sentence_id": entry["id"],
            }


def audio_folder(root: Path, split: str, context: Context) -> Path:
    """Where a split's recordings are, unpacked where they still are an archive."""
    folder, archive = root / "audio" / split, root / "audio" / f"{split}.tar.gz"
    if not folder.is_dir() and archive.is_file():
        folder = context.unpacked(archive, root)
    if not folder.is_dir():
        raise BadInput(f"{root}: {split}.tsv is there but neither audio/{split}/ nor audio/{split}.tar.gz")
    return folder / split if (folder / split).is_dir() else folder


def language_of(root: Path) -> str:
    """The language of a folder such as cy_gb."""
    language = root.name.partition("_")[0]
    return "zh" if language == "cmn" else language


main = Script(CORPUS, rows, language_of=language_of)

if __name__ == "__main__":
    sys.exit(main())
