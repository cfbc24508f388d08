"""What is so of a run on whatever mix, as its run.json says."""

from sepflow.metrics.metric import RUN, Group, Metric

GROUP = Group({"parameters": Metric("parameters", "M", of=("parameters",), by=RUN, scale=1e-6, decimals=2)})
