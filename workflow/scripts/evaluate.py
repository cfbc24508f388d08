"""A run, or what no run is behind, on a test mix: one score a mixture, source and metric."""

from pathlib import Path

from sepflow.jobs.cards import claimed
from sepflow.jobs.job import job

with job(snakemake.log[0], snakemake.threads), claimed(snakemake.resources.get("gpu", 0)):
    import torch

    from sepflow import provenance
    from sepflow.applying.evaluation import Used, evaluate
    from sepflow.applying.systems import evaluate_system
    from sepflow.mixes.mix import open_mix
    from sepflow.mixes.recipes import rate_of

    torch.set_num_threads(snakemake.threads)
    params, names = snakemake.params, snakemake.wildcards
    mix = open_mix(params.recipe, Path("results"))
    scorers = provenance.versions(params.scorers)  # those of this very process
    origin = provenance.stamp("torch", "numpy", "scipy") | {"code": params.code, "scorers": scorers}
    out, rate, device = Path(snakemake.output.scores), rate_of(params.recipe), snakemake.config["device"]
    used = Used(Path(snakemake.input.used), run) if (run := names.get("used")) else None
    if run := names.get("run"):
        evaluate(Path(snakemake.input.model), mix, out, device, run, origin, rate, used)
    else:
        evaluate_system(names.system, names.group, mix, rate, out, origin, used, device)
