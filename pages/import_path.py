"""The list of folders that Python imports from does not change while the server runs."""

import sys
from pathlib import Path


def keep_import_path() -> None:
    """Have the pages' folder among the folders of imports for good, last.

    Streamlit puts it there for each run of a page and takes it away afterwards. An import in another thread meanwhile,
    another visitor's or one that computes, can miss a folder of the list that moves under it, and then fails with
    “No module named …” although the module is there.
    """
    folder = str(Path(__file__).parent.absolute())
    if folder not in sys.path:
        sys.path.append(folder)
