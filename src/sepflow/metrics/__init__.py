"""Scores: those of separations, and the names of all."""

SEPARATION = ("si_snr", "si_snri", "sdr", "sdri")  # in the order of a separation's scores
# SI-SNR and SDR come from 1 - cos^2 in float64; beyond this many dB is mostly rounding, which is cut off.
MOST_DB = 100.0
