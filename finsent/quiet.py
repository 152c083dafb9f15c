"""Nothing leaves the machine unasked: switches off what the libraries below would report about their use.

TRL's trainer tells the model hub of each trainer that is made, the hub's client puts the versions of what is installed
into its requests and looks up which tool may have started it, datasets counts what is loaded, and bitsandbytes fetches
kernels where the package of that name is installed. All of them heed variables of the environment, which are read when
they are imported and which the processes started from here inherit; so they are set before anything else of finsent is
imported. Streamlit's own are in .streamlit/config.toml.

Documentation: https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables
"""

import logging
import os
import sys

_SWITCHES = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "HF_UPDATE_DOWNLOAD_COUNTS": "0",
}
#: What bitsandbytes would fetch, for processors with AVX-512 BF16 (a kernel without a backward pass) and for Apple's.
_KERNELS = ("kernels-community/quantization-bitsandbytes", "kernels-community/bitsandbytes-mps")


def keep_to_itself() -> None:
    """Switch reports of use off, in this process and in those that it starts."""
    os.environ.update(_SWITCHES)
    # A kernel with a place of its own on this machine is not looked for elsewhere; there is none at that place.
    given = [one for one in os.environ.get("LOCAL_KERNELS", "").split(":") if one]
    missing = [name for name in _KERNELS if not any(one.startswith(f"{name}=") for one in given)]
    os.environ["LOCAL_KERNELS"] = ":".join([*given, *(f"{name}={os.devnull}" for name in missing)])
    logging.getLogger("bitsandbytes.backends.cpu.ops").addFilter(_no_advice_to_fetch)
    # Whoever uses finsent as a library may have imported the hub's client first.
    constants = sys.modules.get("huggingface_hub.constants")
    if constants is not None:
        vars(constants)["HF_HUB_DISABLE_TELEMETRY"] = True


def _no_advice_to_fetch(record: logging.LogRecord) -> bool:
    """Leave out that a kernel of the hub was not fetched and what to install to have it: it is not wanted."""
    return not any(name.split("/")[0] in record.getMessage() for name in _KERNELS)
