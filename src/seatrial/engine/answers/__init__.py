"""What the engine says: deterministic text, and some prompts answered right."""
