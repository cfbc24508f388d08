"""What every job of the workflow does around its one call: log, threads, cards, lease, signals."""
