# What is free of the catalogue.
FETCHABLE = jobs.fetchable(workflow.basedir)


localrules:
    fetch,  # a cluster's nodes seldom reach the web


# Only what is asked for by name is fetched: snakemake data/librispeech/.sepflow/dev-clean.json
rule fetch:
    output:
        "data/{name}/.sepflow/{part}.json",
    log:
        "results/logs/fetch/{name}-{part}.log",
    wildcard_constraints:
        name=jobs.pattern(FETCHABLE),
        part=jobs.pattern({part for parts in FETCHABLE.values() for part in parts}),
    conda:
        "../envs/fetch.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=2880,
    script:
        "../workflow/scripts/fetch.py"


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
