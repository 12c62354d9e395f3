"""``python -m mien``: the same as the command ``mien``."""

from mien.cli.main import run

run()
