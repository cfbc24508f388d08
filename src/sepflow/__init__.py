"""sepflow: from corpora on disk to the result tables of papers on speech separation."""

__version__ = "0.1.0"
