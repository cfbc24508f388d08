rule mix:
    """The plan of a mix: which utterances, at which levels. No audio."""
    input:
        jobs.mix_corpora,
    output:
        **seal_output("results/mixes/{mix}", CACHED),
        mix="results/mixes/{mix}/mix.csv",
    log:
        "results/logs/mix/{mix}.log",
    wildcard_constraints:
        mix=jobs.pattern(jobs.plan.mixes_with(labels=False)),
    cache: CACHED
    group:
        jobs.mix_group
    conda:
        "../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=ask("mix", mem_mb=2000),
        runtime=ask("mix", runtime=30),
        turn=1,
    params:
        recipe=jobs.mix_recipe,
        label=jobs.mix_label,
    message:
        said("mix {wildcards.mix}")
    script:
        "../workflow/scripts/mix.py"


rule pseudo_labels:
    """A run's estimates on a mix, which they are the labels of."""
    input:
        unpack(jobs.labels_inputs),
    output:
        **seal_output("results/mixes/{mix}", CACHED),
        mix="results/mixes/{mix}/mix.csv",
        labels="results/mixes/{mix}/labels.f32",
    log:
        "results/logs/pseudo_labels/{mix}.log",
    wildcard_constraints:
        mix=jobs.pattern(jobs.plan.mixes_with(labels=True)),
    cache: CACHED
    group:
        jobs.labels_group
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=ask("pseudo_labels", mem_mb=4000),
        runtime=ask("pseudo_labels", runtime=240),
        gpu=GPU,
        turn=1,
    params:
        recipe=jobs.mix_recipe,
    message:
        said("labels {wildcards.mix}")
    script:
        "../workflow/scripts/pseudo_labels.py"


rule render:
    """A mix as files for other tools, on request: no table needs it."""
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
        mem_mb=ask("render", mem_mb=4000),
        runtime=ask("render", runtime=1440),
    params:
        recipe=jobs.mix_recipe,
    message:
        said("files {wildcards.mix}")
    script:
        "../workflow/scripts/render.py"
