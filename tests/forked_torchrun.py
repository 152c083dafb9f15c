"""torchrun whose processes are forked from it and have its imports: ``python -m tests.forked_torchrun ARGUMENTS``.

All else is torchrun's own: its arguments and variables, how hosts meet, its watch over the processes.
"""

import runpy
import sys

from torch.distributed.launcher.api import elastic_launch
from torch.distributed.run import config_from_args, parse_args


def work(module: str, *arguments: str) -> None:
    """Be a process of the group."""
    sys.argv[1:] = arguments
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        # What ends well has to return.
        if ended.code:
            raise


if __name__ == "__main__":
    config, _, command = config_from_args(parse_args(sys.argv[1:]))
    config.start_method = "fork"
    elastic_launch(config, work)(*command[command.index("-m") + 1 :])
