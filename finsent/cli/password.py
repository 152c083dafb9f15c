"""The command ``password``: the line that guards the app's actions."""

import argparse
import getpass
import sys

from finsent.cli.arguments import Commands, Printed, add_command
from finsent.errors import UsageError
from finsent.passwords import hash_password


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    add_command(commands, "password", make_line)


def make_line(options: argparse.Namespace) -> Printed:
    """Read a password from the terminal and print the lines for .streamlit/secrets.toml that guard the app with it.

    With them, the pages show everything to everyone, and only who signs in can launch, stop, delete, annotate, open
    files, measure and classify. The password itself is written nowhere. Restart the app afterwards.

    Example: ``python -m finsent password``
    """
    if not sys.stdin.isatty():
        raise UsageError("A password is read from a terminal alone, so that it stands in no file or history. Use one.")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != password:
        raise UsageError("The two passwords differ. Try again.")
    kept = hash_password(password)
    return Printed({"password": kept}, f'[finsent]\npassword = "{kept}"')
