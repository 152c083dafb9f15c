"""Runs, data and addresses whose every field holds what Markdown, HTML, LaTeX and Streamlit would read."""

import json
import os
from pathlib import Path

import pandas as pd
import psutil

from finsent.recipe import get_recipe
from finsent.runs.annotations import annotate
from finsent.runs.processes import identity
from finsent.runs.store import Run, create_run, update_run
from tests.predictions import made_predictions, made_run

#: An address that no page may ask for, and words that would ask for it or change what is shown.
NOBODY = "http://127.0.0.1:9"
EVIL = (
    f"![x]({NOBODY}/x) <img src={NOBODY}/y> $x$ :red[a] [l]({NOBODY}) {NOBODY}/z www.evil.example me@evil.example "
    ":material/delete: :smile: **b** `c`"
)
#: The same for the name of a file or folder, which holds no slash and is short.
EVIL_NAME = "![x](www.evil.example) $x$ :red[a] [l](www.evil.example) :smile:"
#: What stands in no text that is read as Markdown, once it is escaped.
READ = ("![x]", "[l](", "<img", "$x$", ":red[", "**b**", "`c`", "://", "www.", "me@", ":material/delete:", ":smile:")
GOLD = ["neutral"] * 6 + ["positive"] * 3 + ["negative"] * 3
BEFORE = ["positive"] * 5 + ["neutral"] + ["positive"] * 3 + ["negative"] * 3
AFTER = ["neutral"] * 3 + ["positive"] * 3 + ["positive"] * 2 + ["neutral"] + ["negative"] * 3


def judged_run(runs_dir: Path) -> Run:
    """Return a finished run with predictions, training rows and annotations."""
    before, after = made_predictions(GOLD, BEFORE), made_predictions(GOLD, AFTER, 0.6)
    for table in (before, after):
        for column in ("row_id", "text", "source", "topic"):
            table[column] = [f"{EVIL} {number}" for number in range(len(table))]
    training = before.assign(split="train")[["row_id", "text", "label", "answers", "source", "topic"]]
    run = made_run(runs_dir, before, after, training, name=EVIL)
    annotate(run, before["row_id"][3], ["=tag [l](x)"], EVIL)
    return update_run(run.folder, **fields())


def fields() -> dict[str, object]:
    """Return what a record holds of words."""
    quick = get_recipe("quick")
    words = {"name": EVIL, "note": EVIL, "error": EVIL, "warning": EVIL, "source_title": EVIL, "model_title": EVIL}
    words |= {"recipe": quick.model_copy(update={"name": EVIL, "source": f"/{EVIL}", "model": f"/{EVIL}"})}
    words |= {"versions": {EVIL: EVIL}, "hardware": {EVIL: EVIL}, "measured": {EVIL: 1}}
    return words | {"removed_settings": {EVIL: EVIL}}


def plant(runs_dir: Path, folder: Path) -> dict[str, str]:
    """Fill a folder of runs, and ``folder`` with data and a model; return the address of each page that shows them."""
    judged = judged_run(runs_dir)
    failed = create_run(get_recipe("quick"), runs_dir)
    update_run(failed.folder, state="failed", **fields())
    renamed = create_run(get_recipe("quick"), runs_dir)
    record = json.loads((renamed.folder / "run.json").read_text())
    renamed.folder.rename(runs_dir / EVIL_NAME)
    (runs_dir / EVIL_NAME / "run.json").write_text(json.dumps(record | {"id": EVIL_NAME, "state": "stopped"}))
    damaged = runs_dir / f"damaged {EVIL_NAME}"
    damaged.mkdir()
    (damaged / "run.json").write_text(json.dumps({"recipe": {EVIL: 1}, "id": EVIL, "schema_version": EVIL}))
    (damaged / "worker.log").write_text(EVIL)
    waiting = create_run(get_recipe("quick"), runs_dir)
    update_run(waiting.folder, **fields())
    busy = create_run(get_recipe("quick"), runs_dir)
    progress = {"done": 1, "total": 2, "unit": EVIL}
    update_run(busy.folder, state="training", progress=progress, **fields() | identity(psutil.Process(os.getpid())))
    data = folder / f"{EVIL_NAME}.csv"
    rows = [(f"{EVIL} {number}", f"{EVIL} {number}", GOLD[number % 12], EVIL, EVIL) for number in range(60)]
    pd.DataFrame(rows, columns=["row_id", "text", "label", "source", "topic"]).to_csv(data, index=False)
    return {
        "": "",
        "dataset": f"data={data}&row={EVIL} 3",
        "dataset ": "data=" + EVIL,
        "model": "model=" + str(folder / EVIL_NAME),
        "train": f"run={failed.id}",
        "train ": "run=" + EVIL,
        "train  ": f"like={failed.id}",
        "compare": f"run={judged.id}",
        "compare ": "run=" + EVIL,
        "neutral": f"run={judged.id}&item={EVIL} 3",
        "neutral ": f"run={EVIL_NAME}",
        "headlines": "run=" + EVIL,
        "runs": f"run={judged.id}",
        "runs ": f"run={EVIL_NAME}",
        "runs  ": f"run={EVIL}",
        "runs   ": f"run={judged.id}&run={failed.id}",
    }
