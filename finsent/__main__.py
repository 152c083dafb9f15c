"""``python -m finsent``: see :mod:`finsent.cli`."""

import sys

from finsent.cli import main

sys.exit(main(sys.argv[1:]))
