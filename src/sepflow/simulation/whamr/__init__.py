"""WHAMR!, as its official program makes it."""
