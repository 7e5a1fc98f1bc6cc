import argparse
import io
import subprocess
import sys
from pathlib import Path

import pytest

from utils.flags import add_switch, given_flags, positive_int, print_any_name, run_script, without_effect

ROOT = Path(__file__).parents[2]


@pytest.fixture
def parser():
    parser = argparse.ArgumentParser()
    add_switch(parser, "--autocast", False, "half precision")
    parser.add_argument("--count", type=positive_int, default=1)
    return parser


@pytest.mark.parametrize(
    ("argv", "value"),
    [
        ([], False),
        (["--autocast"], True),
        (["--autocast", "True"], True),
        (["--autocast", "False"], False),
        (["--autocast", "false"], False),
    ],
)
def test_switch_takes_true_false_and_nothing(parser, argv, value):
    assert parser.parse_args(argv).autocast is value


@pytest.mark.parametrize("argv", [["--autocast", "yes"], ["--autocast", "1"], ["--count", "0"], ["--count", "x"]])
def test_other_values_are_refused(parser, argv, capsys):
    with pytest.raises(SystemExit):
        parser.parse_args(argv)
    assert "must be" in capsys.readouterr().err


def test_flags_given_with_their_default_are_told_from_those_not_given(parser):
    assert given_flags(parser, []) == set()
    given = given_flags(parser, ["--count", "1"])
    assert given == {"count"}
    assert without_effect(given, ("autocast", "count"), "why") == ["note: --count without effect: why"]
    assert without_effect(given, ("autocast",), "why") == []


def test_letters_that_stdout_has_no_code_for_are_printed_as_numbers(monkeypatch):
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="cp1252", newline="\n")
    monkeypatch.setattr(sys, "stdout", stdout)
    print_any_name()
    print("ü 页\udcff.jpg", flush=True)
    assert stdout.buffer.getvalue() == b"\xfc \\u9875\\udcff.jpg\n"


def test_an_interruption_ends_a_script_with_one_line(capsys):
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as end:
        run_script(interrupted)
    assert end.value.code == 130 and capsys.readouterr().err == "interrupted\n"


@pytest.mark.skipif(sys.platform == "win32", reason="pipes break otherwise there")
def test_a_closed_pipe_ends_a_script_without_a_word():
    code = "from utils.flags import run_script; run_script(lambda: [print('line') for _ in range(100000)] and 0)"
    command = [sys.executable, "-c", code]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.stderr.read() == b"" and process.wait() == 1
