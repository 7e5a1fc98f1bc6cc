"""`python -m occluder_removal` is the console script."""

from occluder_removal.cli import run

run()
