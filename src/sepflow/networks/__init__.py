"""Networks that somebody else trained: what they are, where they come from, where they lie."""
