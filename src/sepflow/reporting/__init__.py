"""From scores to tables and pictures."""
