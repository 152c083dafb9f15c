"""Where the pages stand, for links from one to another."""

LAB = "lab/page.py"
DATASET = "dataset/page.py"
MODEL = "model/page.py"
TRAIN = "train/page.py"
COMPARE = "compare/page.py"
NEUTRAL = "neutral/page.py"
HEADLINES = "headlines/page.py"
RUNS = "runs/page.py"
#: The pages beside the first one; the address of each is the name of its folder.
OTHERS = (DATASET, MODEL, TRAIN, COMPARE, NEUTRAL, HEADLINES, RUNS)
