"""LibriMix, as its official program makes it."""
