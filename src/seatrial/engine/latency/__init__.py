"""When tokens are there."""
