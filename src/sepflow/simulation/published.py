"""What all published sets of mixtures have in common: rates and lengths."""

NATIVE_RATE = 16000  # Hz, of LibriSpeech, WSJ0 and WHAM!, which the published lists were made from
RATES = (8000, 16000)  # Hz, of the published mixtures
MODES = ("min", "max")  # as long as the shortest source, or the longest
