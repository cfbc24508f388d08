"""wsj0-mix, as pywsj0-mix makes it."""
