"""How many cores this process may use."""

import os


def allowed_cores() -> int:
    """The cores that the system leaves to this process, whatever `OMP_NUM_THREADS` says of its threads."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def usable_cores() -> int:
    """The cores that the system, a queue of jobs or `OMP_NUM_THREADS` leaves to this process, 1 or more.

    Slurm and containers pin a process to its share, which the number of the machine's cores does not tell. Ray, and
    several processes on one machine, state it as `OMP_NUM_THREADS`.
    """
    cores = allowed_cores()
    stated = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    return max(1, min(cores, int(stated))) if stated.isdecimal() and int(stated) else cores
