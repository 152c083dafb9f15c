"""``python -m finsent``: see :mod:`finsent.cli.main`."""

import sys

from finsent.cli.main import main

sys.exit(main(sys.argv[1:]))
