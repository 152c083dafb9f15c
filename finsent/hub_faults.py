"""What the model hub answers when it does not give what was asked for, each as one sentence with what to do."""

from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from finsent.errors import HubUnreachableError, first_line
from finsent.hub_ids import HubId

_LOG_IN = "log in with: hf auth login (or set HF_TOKEN)"


def fault(error: Exception, asked: HubId, endpoint: str, typed: bool = False) -> HubUnreachableError:
    """Return what is wrong, in words, when the hub's client failed with ``error`` over a repository.

    Whoever has ``typed`` its name may have meant a path, and is told how to say so where the hub does not know it.
    No message holds a token: none quotes a request's headers or an address with more than host and repository.
    """
    cause = error.__cause__ if isinstance(error, LocalEntryNotFoundError) and error.__cause__ else error
    known = isinstance(cause, (GatedRepoError, RevisionNotFoundError)) or (
        isinstance(cause, HfHubHTTPError) and not isinstance(cause, RepositoryNotFoundError)
    )
    here = f" If you meant a file or folder here, give ./{asked.repository}." if typed and not known else ""
    return HubUnreachableError(_words(cause, asked, endpoint) + here)


def _words(error: BaseException, asked: HubId, endpoint: str) -> str:
    name, where = asked.repository, f"{endpoint}/{asked.repository}"
    match error:
        case GatedRepoError():
            return (
                f"{name} is gated: its owner gives it to those who accept its terms. Accept them at {where}, then "
                f"{_LOG_IN}."
            )
        case RevisionNotFoundError():
            return f"{name} has no revision “{asked.revision[:100]}”. Choose a branch, tag or commit of {where}."
        case RepositoryNotFoundError():
            return f"There is no {name} on {endpoint}, or it is private. Check the name; if it is private, {_LOG_IN}."
        case EntryNotFoundError():
            return f"A file of {name} is not on the model hub any more. Choose another revision."
        case OfflineModeIsEnabled():
            return f"{name} is not in this machine's cache, and HF_HUB_OFFLINE is set. Unset it to fetch {name}."
        case HfHubHTTPError() if error.response is not None:
            return _of_status(error.response.status_code, name, where)
        case HTTPError() | OSError():
            return _of_connection(error, name, endpoint)
    return f"{name} could not be fetched from the model hub ({first_line(error)}). Try again."


def _of_status(status: int, name: str, where: str) -> str:
    if status == 401:
        return f"The model hub does not accept the login for {name}. It may have expired: {_LOG_IN}."
    if status == 403:
        return f"The model hub does not give {name} to this login. Ask for access at {where}, or use another one."
    if status == 407:
        return (
            f"The proxy on the way to {where} wants a login (407). Give it in HTTPS_PROXY: http://user:password@host."
        )
    if status == 429:
        return f"The model hub has had too many requests from here (429). Wait some minutes, or {_LOG_IN}."
    if status >= 500:
        return f"The model hub has a fault of its own over {name} ({status}). Try again in some minutes."
    return f"The model hub refuses {name} ({status}). Check the name at {where}."


def _of_connection(error: BaseException, name: str, endpoint: str) -> str:
    kind = type(error).__name__
    if "Timeout" in kind:
        return f"The model hub at {endpoint} does not answer in time. Try again, or check the network."
    if "Proxy" in kind:
        return f"The proxy for {endpoint} refuses or cannot be reached. Check HTTPS_PROXY and NO_PROXY."
    if "Connect" in kind or "resolve" in str(error).lower():
        return f"The model hub at {endpoint} cannot be reached. Check the network, HF_ENDPOINT and the proxy."
    return (
        f"The connection to the model hub broke off over {name} ({first_line(error)}). Try again: it "
        "goes on where it stopped."
    )
