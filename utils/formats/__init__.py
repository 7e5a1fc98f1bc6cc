"""One picture format a file, metadata and pixels: bytes to arrays and back; below everything else."""
