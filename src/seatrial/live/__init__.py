"""What is there: the objects of a cluster as read, what happened to them, and what they were meant to be."""
