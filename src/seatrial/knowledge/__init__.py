"""Facts as data: each record with its source and date, read on first use, the same for every run."""
