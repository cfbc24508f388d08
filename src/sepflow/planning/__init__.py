"""From the configuration to every run, mix, corpus and table, and to what a rule asks of these."""
