"""How the nodes of a group find each other, load together, and miss one that is gone."""
