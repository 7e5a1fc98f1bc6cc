"""Command-line pieces that every script shares."""

import argparse


def switch(text: str) -> bool:
    """`True` or `False` in any letter case.

    Raises:
        argparse.ArgumentTypeError: anything else (argparse's own `type=bool` would take `False` for true).
    """
    values = {"true": True, "false": False}
    if text.lower() not in values:
        raise argparse.ArgumentTypeError(f"must be True or False, not {text!r}")
    return values[text.lower()]


def add_switch(parser: argparse._ActionsContainer, name: str, default: bool, help: str) -> None:
    """Add a flag that takes True or False; the flag alone means True."""
    parser.add_argument(name, type=switch, nargs="?", const=True, default=default, metavar="True|False", help=help)


def positive_int(text: str) -> int:
    """A whole number of 1 or more.

    Raises:
        argparse.ArgumentTypeError: anything else.
    """
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of 1 or more, not {text!r}")
    return value
