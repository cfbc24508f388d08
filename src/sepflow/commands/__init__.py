"""The commands of `sepflow`, one module a command: its arguments, and one call of the package."""
