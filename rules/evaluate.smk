rule evaluate:
    """A run on a test mix: one score a mixture, source and metric."""
    input:
        model="results/runs/{run}/model.safetensors",
        mix=jobs.mix_inputs,
    output:
        scores="results/runs/{run}/scores/{mix}.csv",
        stamp="results/runs/{run}/scores/{mix}.json",
    log:
        "results/logs/evaluate/{run}-{mix}.log",
    benchmark:
        "results/benchmarks/evaluate/{run}-{mix}.tsv"
    wildcard_constraints:
        run=jobs.pattern(jobs.plan.runs),
        mix=jobs.pattern(jobs.plan.mixes_with(labels=False)),
    group:
        "use_{run}"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=ask("evaluate", mem_mb=4000),
        runtime=ask("evaluate", runtime=240),
        gpu=GPU,
        turn=1,
    params:
        recipe=jobs.mix_recipe,
        code=jobs.scoring_code,
        scorers=jobs.scorers,
    message:
        said("scores {wildcards.run} {wildcards.mix}")
    script:
        "../workflow/scripts/evaluate.py"


# The mixture, or the references, in place of a model's estimates: no model, no card.
use rule evaluate as evaluate_system with:
    input:
        mix=jobs.mix_inputs,
    output:
        scores="results/systems/{system}/{group}/{mix}.csv",
        stamp="results/systems/{system}/{group}/{mix}.json",
    log:
        "results/logs/evaluate_system/{system}-{group}-{mix}.log",
    benchmark:
        "results/benchmarks/evaluate_system/{system}-{group}-{mix}.tsv"
    wildcard_constraints:
        system=jobs.pattern(jobs.systems),
        group=jobs.pattern(jobs.scoring),
        mix=jobs.pattern(jobs.plan.mixes_with(labels=False)),
    group:
        "mix_{mix}"
    resources:
        mem_mb=ask("evaluate", mem_mb=4000),
        runtime=ask("evaluate", runtime=240),
        turn=1,
    params:
        recipe=jobs.mix_recipe,
        code=jobs.system_code,
        scorers=jobs.system_scorers,
    message:
        said("system {wildcards.system} {wildcards.group} {wildcards.mix}")


# What a network of another run computes of the estimates, as a recogniser does: scores of their own with each.
use rule evaluate as evaluate_with with:
    input:
        model="results/runs/{run}/model.safetensors",
        used="results/runs/{used}/model.safetensors",
        mix=jobs.mix_inputs,
    output:
        scores="results/runs/{run}/scores/{mix}.{used}.csv",
        stamp="results/runs/{run}/scores/{mix}.{used}.json",
    log:
        "results/logs/evaluate/{run}-{mix}-{used}.log",
    benchmark:
        "results/benchmarks/evaluate/{run}-{mix}-{used}.tsv"
    wildcard_constraints:
        run=jobs.pattern(jobs.plan.runs),
        used=jobs.pattern(jobs.plan.runs),
        mix=jobs.pattern(jobs.plan.mixes_with(labels=False)),
    message:
        said("scores {wildcards.run} {wildcards.mix} {wildcards.used}")


use rule evaluate_system as evaluate_system_with with:
    input:
        used="results/runs/{used}/model.safetensors",
        mix=jobs.mix_inputs,
    output:
        scores="results/systems/{system}/{group}/{mix}.{used}.csv",
        stamp="results/systems/{system}/{group}/{mix}.{used}.json",
    log:
        "results/logs/evaluate_system/{system}-{group}-{mix}-{used}.log",
    benchmark:
        "results/benchmarks/evaluate_system/{system}-{group}-{mix}-{used}.tsv"
    wildcard_constraints:
        system=jobs.pattern(jobs.systems),
        group=jobs.pattern(jobs.scoring),
        used=jobs.pattern(jobs.plan.runs),
        mix=jobs.pattern(jobs.plan.mixes_with(labels=False)),
    resources:
        mem_mb=ask("evaluate", mem_mb=4000),
        runtime=ask("evaluate", runtime=240),
        gpu=GPU,
        turn=1,
    message:
        said("system {wildcards.system} {wildcards.group} {wildcards.mix} {wildcards.used}")
