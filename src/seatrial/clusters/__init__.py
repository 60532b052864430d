"""Where clusters come from: kwok, which the run makes itself, and existing ones."""
