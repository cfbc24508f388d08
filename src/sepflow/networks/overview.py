"""What the catalogue of networks holds and what of it is here: text for people, data for programs."""

import textwrap
from typing import Any

from sepflow.corpora.catalogue import readable
from sepflow.corpora.overview import WIDTH, Entry, next_steps, wrapped
from sepflow.networks.catalogue import WEIGHTS, Network

Here = tuple[Network, Entry]  # a network, and what of it is on this machine


def as_data(network: Network, entry: Entry) -> dict[str, Any]:
    """A network in the types of JSON."""
    source = entry.corpus
    return {
        "title": source.title,
        "homepage": source.homepage,
        "licence": source.licence,
        "allows": source.allows,
        "access": source.access,
        "state": entry.parts[WEIGHTS].state,
        "file": str(entry.folder / network.file),
        "bytes": network.part.size,
        "checksum": network.checksum,
        "rate": network.rate,
        "layers": network.layers,
        "model": network.model,
        "papers": list(source.papers),
        "next": next_steps(entry),
    }


def overview(networks: list[Here]) -> str:
    """All networks, and the next steps; at most 110 columns wide."""
    lines = [f"{'network':<22}{'state':<12}{'to fetch':>10}  {'licence':<14}{'network here':<16}used by"]
    for network, entry in networks:
        source, there = entry.corpus, entry.parts[WEIGHTS].there
        size = "-" if there or not network.part.free else readable(network.part.size)
        model = network.model["name"] if network.model else "none yet"
        lines.append(
            f"{network.name:<22}{entry.parts[WEIGHTS].state:<12}{size:>10}  {source.licence:<14}{model:<16}"
            f"{', '.join(source.papers)}"
        )
    steps = [step for _, entry in networks for step in next_steps(entry)]
    return "\n".join([*lines, *(["", "Next steps:", *(f"  {step}" for step in steps)] if steps else [])])


def describe(network: Network, entry: Entry) -> str:
    """One network in full: licence, file, layers, instructions."""
    source, presence = entry.corpus, entry.parts[WEIGHTS]
    lines = [source.title, f"  {source.homepage}", f"  licence: {source.licence}: {source.allows}"]
    lines.append(f"  file:    {entry.folder / network.file} ({presence.state})")
    size = f"{readable(network.part.size)}, " if network.part.size else ""
    lines.append(f"           {size}{network.checksum or 'no checksum is published'}")
    lines.append(f"  hears:   {network.rate} Hz")
    said = [f"{value}" if key == "name" else f"{key} {value}" for key, value in (network.model or {}).items()]
    lines.append(f"  fits:    {', '.join(said) or 'no network of this sepflow yet'}")
    lines.append(f"  used by: {', '.join(source.papers)}")
    lines += ["", "layers that others may hear"]
    width = max(map(len, network.layers)) + 2
    for layer, what in network.layers.items():
        lines += wrapped(f"  {layer:<{width}}", what)
    if source.notes:
        lines += ["", *textwrap.wrap(source.notes, WIDTH)]
    if not presence.there and not network.part.free:
        lines += ["", *textwrap.wrap(source.instructions, WIDTH, break_on_hyphens=False)]
    steps = [step for step in next_steps(entry) if step.startswith("sepflow fetch")]
    return "\n".join([*lines, *(["", "Next steps:", *(f"  {step}" for step in steps)] if steps else [])])
