rule mix:
    input:
        jobs.mix_corpora,
    output:
        "results/mixes/{mix}/mix.csv",
    log:
        "results/logs/mix/{mix}.log",
    benchmark:
        "results/benchmarks/mix/{mix}.tsv"
    wildcard_constraints:
        mix=jobs.pattern(jobs.plan.mixes_with(labels=False)),
    conda:
        "../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        recipe=jobs.mix_recipe,
        label=jobs.mix_label,
    script:
        "../workflow/scripts/mix.py"


rule pseudo_labels:
    input:
        unpack(jobs.labels_inputs),
    output:
        mix="results/mixes/{mix}/mix.csv",
        labels="results/mixes/{mix}/labels.f32",
    log:
        "results/logs/pseudo_labels/{mix}.log",
    benchmark:
        "results/benchmarks/pseudo_labels/{mix}.tsv"
    wildcard_constraints:
        mix=jobs.pattern(jobs.plan.mixes_with(labels=True)),
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
        gpu=GPU,
    params:
        recipe=jobs.mix_recipe,
    script:
        "../workflow/scripts/pseudo_labels.py"


# For other tools, on request: no table needs it.
rule render:
    input:
        jobs.mix_inputs,
    output:
        "results/rendered/{mix}/complete.json",
    log:
        "results/logs/render/{mix}.log",
    benchmark:
        "results/benchmarks/render/{mix}.tsv"
    wildcard_constraints:
        mix=jobs.pattern(jobs.plan.mixes),
    conda:
        "../envs/audio.yaml"
    threads: 16
    resources:
        mem_mb=4000,
        runtime=1440,
    params:
        recipe=jobs.mix_recipe,
    script:
        "../workflow/scripts/render.py"
