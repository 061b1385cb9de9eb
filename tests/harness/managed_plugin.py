"""The sample volume plugin as a managed plugin: the directory that `docker plugin create` takes."""

import subprocess
import sys
from pathlib import Path

MAKER = Path(__file__).parents[2] / "examples/volume-plugin/make_managed.py"


def make_plugin(directory: Path) -> Path:
    """The directory, filled."""
    subprocess.run([sys.executable, MAKER, directory], check=True)
    return directory
