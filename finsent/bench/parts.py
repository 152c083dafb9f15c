"""The parts of the benchmark by name, with what each measures; nothing heavy is imported to know them."""

PARTS: dict[str, str] = {
    "training": "speed of training beside plain TRL",
    "scoring": "speed of scoring beside generation",
    "memory": "peak memory of training steps",
    "growth": "time a row and memory with more rows",
    "profile": "where the time of training and scoring goes",
    "compare": "time of the comparison of 44,209 rows",
    "dataset": "the Dataset page's work on 177,597 rows",
    "beside": "training and classification beside one another",
    "explain": "time of an explanation beside one call a variant",
    "headlines": "time of 500 headlines beside one generation each",
    "gpu": "Qwen3-0.6B's shape on a GPU, beside plain TRL",
}
#: Parts that are run only when they are asked for by name.
APART = ("compare", "dataset", "beside", "explain", "headlines", "gpu")
