"""CTC beam search: what it sums up, what a language model and hotwords change, and that nothing else does."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from speech_tl.decoding.decode import conditions, decode_waveforms
from speech_tl.decoding.words import decode_words
from speech_tl.errors import BadInput
from speech_tl.models.ctc_beams import BeamSearch
from speech_tl.models.ctc_words import labels_of
from speech_tl.models.fusion import Lexicon, TextScores, Weights
from speech_tl.models.load import load_model
from speech_tl.models.options import DecodingOptions
from speech_tl.text.ngrams import NGrams
from tests.sounds import voice
from tests.tiny import tiny_ctc

TOKENS = {1: "a", 2: "b"}
"""Label 0 is blank and 3 stands between words."""

PLAIN = Weights(0.0, 0.0, 0.0)
CLIPS = [voice(seconds, seed) for seed, seconds in enumerate((0.3, 1.0, 1.7))]


def scored(*frames: dict[str, float]) -> np.ndarray:
    """Log probabilities `(frames, 4)` from the probabilities of "-", "a", "b" and "|"; the rest is evenly theirs."""
    rows = []
    for frame in frames:
        rest = (1 - sum(frame.values())) / max(1, 4 - len(frame))
        rows.append([math.log(max(frame.get(token, rest), 1e-9)) for token in "-ab|"])
    return np.array(rows)


def texts(search: BeamSearch, frames: np.ndarray, count: int = 1) -> list[str]:
    return ["".join("-ab|"[label] for label in found.labels) for found in search.best(frames, count)]


def summed(frames: np.ndarray) -> dict[str, float]:
    """Probability of every text, by all its paths; leading, trailing and doubled delimiters are no other text."""
    found: dict[str, float] = defaultdict(float)
    for path in itertools.product(range(4), repeat=len(frames)):
        text = "".join("-ab|"[label] for label in labels_of(path, 0))
        found["|".join(filter(None, text.split("|")))] += math.exp(
            sum(frames[t, label] for t, label in enumerate(path))
        )
    return found


def test_a_wide_beam_sums_all_paths_of_each_text(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LABEL_RANGE", "BEAM_RANGE"):
        monkeypatch.setattr(f"speech_tl.models.ctc_beams.{name}", 1e9)
    frames = np.log(np.random.default_rng(1).dirichlet(np.ones(4), 6))
    wanted, found = summed(frames), defaultdict(float)
    for hypothesis in BeamSearch(TOKENS, 3, TextScores(PLAIN), 10_000).best(frames, 10_000):
        found["".join("-ab|"[label] for label in hypothesis.labels).strip("|")] += math.exp(hypothesis.sound)
    assert found == pytest.approx(wanted)


def test_the_likeliest_text_is_not_the_likeliest_path() -> None:
    """Graves & Jaitly's case: each frame's best label is blank, yet "a" in either frame is likelier together."""
    frames = scored({"-": 0.6, "a": 0.4, "b": 0.0}, {"-": 0.6, "a": 0.4, "b": 0.0})
    assert frames.argmax(-1).tolist() == [0, 0]
    assert texts(BeamSearch(TOKENS, 3, TextScores(PLAIN), 5), frames) == ["a"]


def language_model(**probabilities: float) -> NGrams:
    """Unigrams, and an end of sentence that costs nothing."""
    logs = {word: math.log(p) for word, p in probabilities.items()} | {"</s>": 0.0, "<unk>": math.log(1e-6)}
    return NGrams(logs, {}, 1)


def test_a_language_model_decides_where_the_sound_does_not() -> None:
    frames = scored({"a": 0.97}, {"-": 0.97}, {"a": 0.5, "b": 0.46})
    assert texts(BeamSearch(TOKENS, 3, TextScores(PLAIN), 10), frames) == ["aa"]
    lexicon = Lexicon(language_model(ab=0.5, aa=0.001), str)
    assert texts(BeamSearch(TOKENS, 3, TextScores(Weights(1.0, 0.0, 0.0), lexicon), 10), frames) == ["ab"]
    assert texts(BeamSearch(TOKENS, 3, TextScores(Weights(0.0, 0.0, 0.0, 0.0), lexicon), 10), frames) == ["aa"]


def test_a_word_that_nobody_knows_can_still_be_written() -> None:
    frames = scored({"b": 0.99}, {"-": 0.98}, {"b": 0.99999})
    lexicon = Lexicon(language_model(a=0.5), str)
    assert texts(BeamSearch(TOKENS, 3, TextScores(Weights(0.3, 0.0, 0.0), lexicon), 10), frames) == ["bb"]


def test_words_are_spelt_in_the_model_s_case() -> None:
    lexicon = Lexicon(language_model(a=0.1, A=0.4, ab=0.2), str.upper)
    assert lexicon.words == {"A": "A", "AB": "ab"}
    assert lexicon.beginnings == pytest.approx({"A": math.log(0.4), "AB": math.log(0.2)})


def test_hotwords_earn_their_bonus_whole_or_not_at_all() -> None:
    scores = TextScores(Weights(0.0, 0.0, 2.0), hotwords=["ab", "ab ba"])

    def worth(text: str) -> tuple[float, float]:
        """While it is written, and finished."""
        prefix = scores.start()
        for character in text:
            prefix = scores.word(prefix) if character == " " else scores.letter(prefix, character)
        return prefix.score, scores.finished(prefix).score

    assert worth("a") == (2.0, 0.0)
    assert worth("ab") == (4.0, 4.0)
    assert worth("aba") == (0.0, 0.0)
    assert worth("bab") == (0.0, 0.0), "it begins inside a word"
    assert worth("ab b") == (6.0, 4.0)
    assert worth("ab ba")[1] == 8.0
    assert worth("aa ab a ab") == (8.0, 8.0)


def test_a_hotword_is_written_where_it_is_nearly_heard() -> None:
    frames = scored({"a": 0.97}, {"-": 0.97}, {"a": 0.8, "b": 0.15})
    assert texts(BeamSearch(TOKENS, 3, TextScores(Weights(0.0, 0.0, 1.5), hotwords=["ab"]), 10), frames) == ["ab"]
    other = scored({"b": 0.999}, {"-": 0.97}, {"a": 0.98, "b": 0.002})
    assert texts(BeamSearch(TOKENS, 3, TextScores(Weights(0.0, 0.0, 1.5), hotwords=["ab"]), 10), other) == ["ba"]


def test_without_spaces_every_label_is_a_word() -> None:
    lexicon = Lexicon(language_model(a=0.001, b=0.9), str)
    frames = scored({"a": 0.5, "b": 0.4}, {"-": 0.97}, {"a": 0.5, "b": 0.4})
    for delimiter in (None, 3):
        search = BeamSearch(TOKENS, delimiter, TextScores(Weights(1.0, 0.0, 0.0), lexicon), 10, spaced=False)
        assert texts(search, frames) == ["bb"]


# ---- in a model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_ctc(tmp_path_factory.mktemp("beams") / "m", characters="ABCDEFGHIJKLMNOPQRSTUVWXYZ'")


@pytest.fixture(scope="module")
def arpa(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from speech_tl.text.ngrams.kneser_ney import arpa_lines, estimate

    path = tmp_path_factory.mktemp("lm") / "lm.arpa"
    path.write_text("\n".join(arpa_lines(estimate([["hello", "you"], ["well", "hello"], ["you", "know"]], 2))))
    return path


def test_a_batch_is_searched_as_each_alone_with_times_and_confidence(folder: Path, arpa: Path) -> None:
    model, options = load_model(folder), DecodingOptions(beam=5, lm=arpa)
    alone = [decode_waveforms(model, [clip], options)[0] for clip in CLIPS]
    assert decode_waveforms(model, CLIPS, options) == alone
    assert alone != decode_waveforms(model, CLIPS)
    for clip, text, (said, words) in zip(CLIPS, alone, decode_words(model, CLIPS, options), strict=True):
        assert said == text
        assert [word.text for word in words] == text.split()
        assert all(0 <= word.first <= word.last < len(clip) / model.frame_samples for word in words)
    batch = model.collate([model.features(clip) for clip in CLIPS], None)
    assert [text for text, _ in model.transcribe_scored(batch, options)] == alone
    assert all(0 <= sure <= 1 for _, sure in model.transcribe_scored(batch, options))


def test_what_was_searched_with_stands_in_the_record(folder: Path, arpa: Path, tmp_path: Path) -> None:
    model = load_model(folder)
    (tmp_path / "names.txt").write_text("Hello You\n\n")
    told = conditions(model, DecodingOptions(lm=arpa, lm_weight=0.5, hotwords=tmp_path / "names.txt"))
    assert told["beam"] == 50
    assert (told["lm"], told["lm_weight"], told["word_bonus"]) == ("lm.arpa (2-gram, 4 words)", "0.5", "1")
    assert (told["hotwords"], told["hotword_weight"]) == ("names.txt", "1.5")
    assert not {"lm", "lm_weight", "hotwords"} & set(conditions(model, DecodingOptions()))


def test_hotwords_that_cannot_be_written_are_refused(folder: Path, tmp_path: Path) -> None:
    model, names = load_model(folder), tmp_path / "names.txt"
    refused = {None: "no file of hotwords", "\n": "holds no hotwords", "Ann\nZo\u00eb": "line 2: .*\u00cb"}
    for content, message in refused.items():
        if content is not None:
            names.write_text(content, encoding="utf-8")
        with pytest.raises(BadInput, match=message):
            decode_waveforms(model, CLIPS[:1], DecodingOptions(hotwords=names))
