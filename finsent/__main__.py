"""``python -m finsent``: see :mod:`finsent.cli.main`."""

import sys

from finsent.cli.main import main
from finsent.uncompiled import compile_nothing

compile_nothing()
sys.exit(main(sys.argv[1:]))
