import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import resource, numpy as np
from utils.memory import keep_freed_memory
{call}
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    np.ones(60_000_000, np.uint8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc is what is set")
def test_large_blocks_are_not_mapped_anew_every_time():
    def faults(call):
        root = Path(__file__).parents[2]
        done = subprocess.run([sys.executable, "-c", CODE.format(call=call)], capture_output=True, cwd=root, check=True)
        return int(done.stdout)

    assert faults("keep_freed_memory()") < faults("pass") / 2
