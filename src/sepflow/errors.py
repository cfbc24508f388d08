"""The one exception that is a message to the user, not a bug."""


class SepflowError(Exception):
    """Bad input. The message says what is wrong, where (file, line or key), and the way out."""
