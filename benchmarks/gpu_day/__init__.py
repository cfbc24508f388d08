"""What a lent GPU is asked in its minutes: how fast, whether the same, and two papers' tables
(README.md)."""
