"""Where pods may run: pools, hardware, capacity, memory of GPUs."""
