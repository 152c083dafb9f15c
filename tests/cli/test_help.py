"""The help: quick to come, since nothing slow is imported for it."""

import subprocess
import sys

SLOW = {"torch", "transformers", "peft", "trl", "datasets", "sklearn", "scipy", "statsmodels", "pandas", "plotly"}


def test_help_imports_nothing_slow():
    program = (
        "import sys\nfrom finsent.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "COMMAND" in done.stdout
    assert not SLOW & set(done.stderr.split())
