"""What the LeaderWorkerSet controller will make of a manifest: a pure model of its releases, without I/O."""
