"""The process that fetches one model or data set: it writes down how far it is, and at the end what became of it."""

import os
import sys
from datetime import UTC, datetime
from typing import Any

from tqdm import tqdm

from finsent.data.choices import Choices
from finsent.data.hub_reading import choose_part
from finsent.data.hub_set import find_set
from finsent.errors import FinsentError, ModelNotFoundError
from finsent.fetches.record import Fetch, FetchState, Kind, fetch_lock, read_fetch, write_fetch
from finsent.hub import model_files
from finsent.hub_ids import parse_id

#: So often the record is written while bytes come.
_SECONDS = 0.5


class _Teller:
    """Keeps a fetch's record up to date by a progress bar that is written and not drawn."""

    def __init__(self, fetch: Fetch) -> None:
        self.fetch = fetch

    def bar(self) -> "type[tqdm[Any]]":
        """Return the class of the bar."""
        tell = self.tell

        class Told(tqdm):  # type: ignore[type-arg]
            def __init__(self, *args: Any, **options: Any) -> None:
                super().__init__(*args, **options | {"mininterval": _SECONDS, "miniters": 1})

            def display(self, *args: Any, **options: Any) -> None:
                tell(dict(self.format_dict))

        return Told

    def tell(self, now: dict[str, Any]) -> None:
        """Write down how far it is, as the bar has it."""
        heard = self.fetch.heard if now["n"] == self.fetch.done else datetime.now(UTC)
        self._write(done=now["n"], total=now["total"], rate=now["rate"], heard=heard)

    def end(self, state: FetchState, error: str = "") -> None:
        """Write down how it ended."""
        self._write(state=state, error=error, rate=None)

    def _write(self, **changes: Any) -> None:
        self.fetch = self.fetch.model_copy(update=changes)
        write_fetch(self.fetch)


def main(model: str, kind: Kind = "model") -> int:
    """Fetch a model or data set whose record was written, and return the process's exit code."""
    # Whoever starts it holds the lock until the record is there.
    with fetch_lock(model, kind):
        fetch = read_fetch(model, kind)
    if fetch is None or fetch.pid != os.getpid():
        # It could not be written, and what is there is that of a fetch before.
        return 2
    teller = _Teller(fetch)
    try:
        _fetch(fetch, teller.bar())
    except FinsentError as error:
        teller.end(FetchState.FAILED, str(error))
        return 1
    except Exception as error:
        # What an unknown error says is not shown: it might quote a request.
        teller.end(FetchState.FAILED, f"An unexpected {type(error).__name__} ended the fetch of {model}. Try again.")
        return 1
    teller.end(FetchState.DONE)
    return 0


def _fetch(fetch: Fetch, bar: "type[tqdm[Any]]") -> None:
    if fetch.kind == "model":
        model_files(parse_id(fetch.model, ModelNotFoundError, "model")).fetch(bar, newest=True)
    else:
        choices = Choices(configuration=fetch.configuration, source_split=fetch.split)
        choose_part(find_set(fetch.model), choices).fetch(bar)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], "dataset" if sys.argv[2:] == ["dataset"] else "model"))
