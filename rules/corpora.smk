rule corpus:
    output:
        manifest="results/corpora/{corpus}/manifest.csv",
        audio="results/corpora/{corpus}/audio.i16",
    log:
        "results/logs/corpus/{corpus}.log",
    benchmark:
        "results/benchmarks/corpus/{corpus}.tsv"
    wildcard_constraints:
        corpus=jobs.pattern(jobs.plan.corpora),
    conda:
        "../envs/audio.yaml"
    threads: 16
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        recipe=jobs.corpus_recipe,
        label=jobs.corpus_label,
    script:
        "../workflow/scripts/corpus.py"
