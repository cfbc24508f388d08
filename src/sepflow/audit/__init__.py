"""What was made, held against what it says it is: a run, all results, a run made elsewhere."""
