"""Command-line pieces that every script shares."""

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, NoReturn, TextIO, TypeVar

from utils.spec import ACTIVATIONS, BACKBONES, INIT_TYPES, NORMS, PAD_TYPES

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Options = TypeVar("Options", bound=DataclassInstance)

# Exit statuses of the scripts.
EXIT_FAILED = 1  # some of what was asked for was not done
EXIT_USAGE = 2  # what was asked for cannot be done
EXIT_INTERRUPTED = 130  # as of a shell's own commands


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


def pick(kind: "type[Options]", flags: Mapping[str, Any]) -> "Options":
    """A dataclass whose fields are named as flags, filled from their values; the other flags are left alone."""
    return kind(**{field.name: flags[field.name] for field in fields(kind)})


def check_fraction(**flags: float) -> None:
    """Refuse what is below 0, or 1 and above; raises a ValueError that names the flag."""
    _check(flags, lambda value: 0 <= value < 1, "at least 0 and less than 1")


def check_above_zero(**flags: float) -> None:
    """Refuse 0 and less; raises a ValueError that names the flag."""
    _check(flags, lambda value: value > 0, "above 0")


def check_not_negative(**flags: float) -> None:
    """Refuse less than 0; raises a ValueError that names the flag."""
    _check(flags, lambda value: value >= 0, "0 or more")


def _check(flags: Mapping[str, float], holds: Callable[[float], bool], expected: str) -> None:
    for name, value in flags.items():
        if not holds(value):
            raise ValueError(f"--{name} {value}: must be {expected}")


def given_flags(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> set[str]:
    """The names, without dashes, of what a command line states, be it the default; `argv` as for `parse_args`."""
    unset = object()
    names = vars(parser.parse_args(argv))
    stated = parser.parse_args(argv, argparse.Namespace(**dict.fromkeys(names, unset)))
    return {name for name, value in vars(stated).items() if value is not unset}


def without_effect(given: set[str], names: Sequence[str], reason: str) -> list[str]:
    """A note for the user where flags were given that the others make meaningless, else none.

    Args:
        given: from `given_flags`.
        names: those that are meaningless.
        reason: why; it ends the note.
    """
    ignored = [f"--{name}" for name in names if name in given]
    return [f"note: {', '.join(ignored)} without effect: {reason}"] if ignored else []


def open_missing_streams() -> None:
    """Give a process that was started without stdin, stdout or stderr ones that lead nowhere.

    Task schedulers, `pythonw` and `2>&-` start them so. Without this, the next file that is opened gets the number of
    the missing stream, and whatever writes there writes into that file; and Python's own streams are None.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            handle = os.open(os.devnull, os.O_RDWR)
            if handle != number:
                os.dup2(handle, number)
                os.close(handle)
        if getattr(sys, name) is None:
            stream = open(number, mode, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)


class _Lines:
    """A stream whose lines may be lost, but end no run: on a full disk, they go nowhere from then on.

    A closed pipe is an error as before, since whoever read from it has seen enough.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, as of a text stream."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self._give_up(error)
            return len(text)

    def flush(self) -> None:
        """Flush, as of a text stream."""
        try:
            self._stream.flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        if isinstance(error, BrokenPipeError):
            raise error
        handle = os.open(os.devnull, os.O_WRONLY)
        os.dup2(handle, self._stream.fileno())  # what is still in its buffer goes there, too
        os.close(handle)
        with contextlib.suppress(OSError):
            print(f"lines can no longer be written ({error.strerror}); going on without them", file=sys.__stderr__)


def print_any_name() -> None:
    r"""Let stdout write letters that it has no code for as `\u…`, and let no line end a run.

    A file's name must not end one, and on Windows a redirected stdout knows few letters. Where there is no stdout, or
    its disk is full, lines go nowhere.
    """
    open_missing_streams()
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            if name == "stdout":
                stream.reconfigure(errors="backslashreplace")
            setattr(sys, name, _Lines(stream))


def run_script(main: Callable[[], int]) -> NoReturn:
    """End the process with the status of `main`, and without a traceback where Ctrl-C or a closed pipe ends it."""
    open_missing_streams()
    try:
        status = main()
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        status = EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes stdout once more at its end
        status = EXIT_FAILED
    sys.exit(status)


def add_network_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that describe a network, for scripts that read it from a checkpoint: none need be given."""
    group = parser.add_argument_group("networks", "what the checkpoint states by default; contradicting it is an error")
    group.add_argument("--backbone", choices=BACKBONES, help="encoder of the segmentation net")
    group.add_argument("--in_c", type=positive_int, help="channels of its input")
    group.add_argument("--out_c", type=positive_int, help="classes it tells apart")
    group.add_argument("--latent_channels", type=positive_int, help="width of the generator")
    group.add_argument("--in_channels", type=positive_int, help="channels of its input, the mask included")
    group.add_argument("--out_channels", type=positive_int, help="channels of its output")
    group.add_argument("--pad_type", choices=PAD_TYPES, help="padding of its convolutions")
    group.add_argument("--activation", choices=ACTIVATIONS, help="activation of its inner layers")
    group.add_argument("--norm", choices=NORMS, help="normalisation of its inner layers")
    group.add_argument("--init_type", choices=INIT_TYPES, help="accepted, without effect on trained weights")
    group.add_argument("--init_gain", type=float, help="accepted, without effect on trained weights")
