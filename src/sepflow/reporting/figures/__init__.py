"""Pictures of results, readable in grey."""
