"""Metrics, by group: a folder each, which declares its `GROUP` and has the code that computes it."""

# SI-SNR and SDR come from 1 - cos^2 in float64; beyond this many dB is mostly rounding, which is cut off.
MOST_DB = 100.0
