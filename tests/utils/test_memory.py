import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import resource, threading, numpy as np
from utils.memory import keep_freed_memory
{call}

def work():
    for _ in range(10):
        np.ones(60_000_000, np.uint8)

before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range({threads}):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc is what is set")
@pytest.mark.parametrize(("call", "threads"), [("keep_freed_memory()", 0), ("keep_freed_memory(shared=True)", 3)])
def test_large_blocks_are_not_mapped_anew_every_time(call, threads):
    def faults(call):
        root, code = Path(__file__).parents[2], CODE.format(call=call, threads=threads)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=root, check=True)
        return int(done.stdout)

    assert faults(call) < faults("pass") / 2
