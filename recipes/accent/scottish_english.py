"""Scottish English, or another dialect of Britain and Ireland by one parameter.

Data: OpenSLR 83 (CC BY-SA 4.0; Demirsahin et al., LREC 2020): sentences read by 120 volunteers, 31 hours in all, in
six dialects: irish, midlands, northern, scottish, southern, welsh. There are few speakers of some (three Irish ones),
so the report says whose voices it speaks of. No split is official: test speakers are drawn with `data.split_seed`.

    python -m data_scripts.openslr83 --download --part scottish --out openslr83

For facebook/wav2vec2-base-960h; Whisper does as well, and without a network a starter shows that it runs:

    speech-tl adapt accent/scottish_english data.root=openslr83
    speech-tl adapt accent/scottish_english data.root=openslr83 data.where.accent=welsh
    speech-tl adapt accent/scottish_english data.root=openslr83 model=openai/whisper-small.en
    speech-tl adapt accent/scottish_english data.root=openslr83 model=starter-wav2vec2

EdAcc and VCTK have these accents too (`speech-tl corpora`); `accent` is a column of every manifest. A guard shows what
is lost of other English: guards.american=vctk guards.american.where.accent=american.

Hours: 2.4 hours by 110 speakers were enough for a clear gain in accent/mandarin_english; here are 31 in six dialects.
Time and memory depend on the machine: `--dry-run` measures three steps and says what this will take.
Not measured yet.
"""

from speech_tl.cli import run_recipe
from speech_tl.recipe import DataOptions, ModelOptions, Recipe, ReportOptions, ScoringOptions, TrainingOptions

recipe = Recipe(
    name="scottish_english",
    description="A dialect of Britain or Ireland, Scottish unless data.where.accent says another.",
    model=ModelOptions(source="facebook/wav2vec2-base-960h"),
    data=DataOptions(language="en", where={"accent": "scottish"}),
    training=TrainingOptions(epochs=10, patience=3),
    scoring=ScoringOptions(by=["accent", "gender"]),
    report=ReportOptions(licence="cc-by-sa-4.0", data_licence="OpenSLR 83, CC BY-SA 4.0"),
)

if __name__ == "__main__":
    run_recipe(__file__)
