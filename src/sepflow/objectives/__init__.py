"""Losses on waveforms: pure functions of torch tensors, a value per example, nothing of files."""
