localrules:
    fetch,  # a cluster's nodes seldom reach the web


rule fetch:
    """A part of a free corpus, asked for by name: snakemake data/librispeech/.sepflow/dev-clean.json"""
    output:
        "data/{name}/.sepflow/{part}.json",
    log:
        "results/logs/fetch/{name}-{part}.log",
    wildcard_constraints:
        name=jobs.pattern(jobs.fetchable(HERE)),
        part="[^/]+",  # to read which ones there are would cost every planning a tenth of a second
    conda:
        "../envs/fetch.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=2880,
    message:
        "fetch {wildcards.name}/{wildcards.part}"
    script:
        "../workflow/scripts/fetch.py"


rule corpus:
    """A corpus, decoded or synthesised once: a manifest and one packed file."""
    input:
        ancient(jobs.corpus_tables),
    output:
        **seal_output("results/corpora/{corpus}", CACHED),
        manifest="results/corpora/{corpus}/manifest.csv",
        audio="results/corpora/{corpus}/audio.i16",
    log:
        "results/logs/corpus/{corpus}.log",
    wildcard_constraints:
        corpus=jobs.pattern(jobs.plan.corpora),
    cache: CACHED
    group:
        "corpus_{corpus}"
    conda:
        "../envs/audio.yaml"
    threads: 16
    resources:
        mem_mb=ask("corpus", mem_mb=4000),
        runtime=ask("corpus", runtime=240),
        turn=1,
    params:
        recipe=jobs.corpus_recipe,
        label=jobs.corpus_label,
    message:
        said("corpus {wildcards.corpus}")
    script:
        "../workflow/scripts/corpus.py"


OWN_TABLES = jobs.own_tables()


use rule corpus as corpus_table with:
    input:
        [],
    output:
        table="results/corpora/{corpus}/{table}.csv",
    log:
        "results/logs/corpus_table/{corpus}-{table}.log",
    wildcard_constraints:
        corpus=jobs.pattern(OWN_TABLES),
        table=jobs.pattern({table for tables in OWN_TABLES.values() for table in tables}),
    threads: 1
    params:
        recipe=jobs.corpus_recipe,
        label=jobs.corpus_label,
        table=jobs.table_name,
    message:
        said("corpus_table {wildcards.corpus} {wildcards.table}")
