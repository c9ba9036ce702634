"""Film files taken apart in a locked-in process: containers are read by libav there and nowhere else."""
