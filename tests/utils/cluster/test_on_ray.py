"""Photos through Ray on this machine."""

import importlib.util
import os
import random
import signal
import threading
import time
from dataclasses import replace

import pytest

from tests import cluster_load
from tests.utils.cluster.test_run import (  # noqa: F401
    graph_files,
    job,
    many,
    photos,
    records,
    results,
    trap,
)
from utils.cluster import run
from utils.cluster.flags import Choices

HAS_RAY = importlib.util.find_spec("ray") is not None and importlib.util.find_spec("pyarrow") is not None
needs_ray = pytest.mark.skipif(not HAS_RAY, reason="needs ray[data], the extra [cluster]")


@pytest.fixture(scope="module")
def nodes():
    """Two nodes of one core each, as two raylets on this machine; the second may be taken down."""
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, log_to_driver=False, configure_logging=False)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def one_core(photos, graph_files, **more):  # noqa: F811
    whole = job(photos, graph_files, **more)
    return replace(whole, folder=replace(whole.folder, num_workers=1))


@needs_ray
@pytest.mark.slow
def test_ray_gives_the_files_of_one_machine_and_quarantines_what_kills(nodes, photos, graph_files, capsys):  # noqa: F811
    choices = Choices(list=str(photos.parent / "all.txt"), photo_timeout_s=30)
    alone = one_core(photos, graph_files)
    assert run.clean_list(replace(alone, target=str(photos.parent / "whole"), folder=replace(
        alone.folder, save_dir=photos.parent / "whole")), choices, "test") == 0  # fmt: skip
    trap(photos, "killing.png", cluster_load.KILLING)
    trapped = one_core(photos, graph_files, load=cluster_load.load)
    assert run.clean_list(trapped, replace(choices, cluster="ray"), "test") == 1
    said = capsys.readouterr()
    assert "running on Ray, 2 actors of 1 cores" in said.out
    assert "listed 7 = 5 repaired + 1 clean + 0 failed + 1 quarantined" in said.out
    assert "quarantined: killing.png" in said.err
    assert results(photos.parent / "out") == results(photos.parent / "whole")


@needs_ray
@pytest.mark.slow
def test_killed_actors_lose_nothing(nodes, photos, graph_files, capsys):  # noqa: F811
    many(photos, 60)
    choices = Choices(list=str(photos.parent / "all.txt"), cluster="ray")
    over = threading.Event()
    killed = []

    def kill_now_and_then():
        chance = random.Random(1)
        while not over.wait(0.1 + 0.2 * chance.random()) and len(killed) < 4:
            if len(records_of(photos)) > 5 * (1 + len(killed)) and (pids := actors()):
                os.kill(chance.choice(pids), signal.SIGKILL)
                killed.append(time.monotonic())

    thread = threading.Thread(target=kill_now_and_then)
    thread.start()
    try:
        status = run.clean_list(one_core(photos, graph_files), choices, "test")
    finally:
        over.set()
        thread.join()
    said = capsys.readouterr().out
    assert killed and status == 0 and "listed 66 = " in said and "without a record" not in said
    assert len(results(photos.parent / "out")) == 66


def records_of(photos):  # noqa: F811
    folder = photos.parent / "out" / "records"
    return [line for file in folder.glob("*.jsonl") for line in file.open()] if folder.exists() else []


def actors():
    """Process ids of the actors that have photos done: parents of worker processes would do as well."""
    pids = []
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    line = file.read()
            except OSError:
                continue
            if line.startswith(b"ray::") and b"MapBatches" in line:
                pids.append(int(name))
    return pids


@pytest.mark.skipif(HAS_RAY, reason="Ray is installed")
def test_without_ray_one_line_says_what_to_install(photos, graph_files, capsys):  # noqa: F811
    choices = Choices(list=str(photos.parent / "all.txt"), cluster="ray")
    assert run.clean_list(job(photos, graph_files), choices, "test") == 2
    assert "pip install 'ray[data]>=2.51'" in capsys.readouterr().err
