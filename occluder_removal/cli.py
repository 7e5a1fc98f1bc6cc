"""The console script `occluder-removal`: one name for the scripts of the toolkit.

occluder-removal predict --src_image_dir photos --save_dir cleaned
occluder-removal web
occluder-removal doctor
"""

import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from utils.flags import EXIT_USAGE, run_script

PROGRAM = "occluder-removal"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that the first argument names; returns its exit status, 2 for a name that is none."""
    command, *arguments = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    if command in ("-h", "--help"):
        print(_usage())
        return 0
    if command not in COMMANDS:
        print(f"{PROGRAM} {command}: no such command\n{_usage()}", file=sys.stderr)
        return EXIT_USAGE
    run_command, _ = COMMANDS[command]
    return run_command(arguments)


def run() -> NoReturn:
    """The entry point: ends the process with the status of `main`."""
    run_script(main)


def _predict(arguments: list[str]) -> int:
    import predict_onnx

    return predict_onnx.main(arguments, f"{PROGRAM} predict")


def _web(arguments: list[str]) -> int:
    import predict_web

    return predict_web.main(arguments, f"{PROGRAM} web")


def _doctor(arguments: list[str]) -> int:
    return _predict(["--doctor", "True", *arguments])


COMMANDS: dict[str, tuple[Callable[[list[str]], int], str]] = {
    "predict": (_predict, "clean a folder of photos; --help lists its flags"),
    "web": (_web, "open a page to see, correct, repair and compare; --help lists its flags"),
    "doctor": (_doctor, "say what was found on this machine, and what to do about problems"),
}


def _usage() -> str:
    lines = [f"  {name:8} {help}" for name, (_, help) in COMMANDS.items()]
    return "\n".join([f"usage: {PROGRAM} COMMAND [FLAGS]", "", *lines])
