"""A model's folder: written small but complete by what stands for the hubs' command lines, and checked at start."""
