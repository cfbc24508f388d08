"""A network that somebody else trained: fetched, and turned into a run that others use."""

from pathlib import Path

from sepflow.errors import SepflowError
from sepflow.networks import catalogue
from sepflow.networks.catalogue import Network
from sepflow.networks.places import Places
from sepflow.tasks.declaration import Declaration, Spec


def completed(spec: Spec, root: Path, where: str) -> Spec:
    """The spec of a run that says which network it is of, with all else from the catalogue in `root`.

    Raises SepflowError where it says more, or the catalogue says of no network here that the weights fit.
    """
    said = spec["fetched"]
    if set(said) != {"network"} or "model" in spec:
        raise SepflowError(
            f"{where}: fetched: say no more than {{network: NAME}}, and no model beside it: all else is "
            "said in config/networks/NAME.yaml"
        )
    try:
        network = catalogue.read(said["network"], root)
    except SepflowError as error:
        raise SepflowError(f"{where}: fetched.network: {error}") from error
    if network.model is None:
        raise SepflowError(
            f"{where}: fetched.network: config/networks/{network.name}.yaml has no model: no network of this "
            "sepflow fits these weights yet. Write one (docs/networks.md), and name it there"
        )
    settings = {
        "network": network.name,
        "file": network.file,
        "checksum": network.checksum,
        "member": network.member,
        "state": list(network.state),
        "left_out": list(network.left_out),
        "renamed": dict(network.renamed),
        "rate": network.rate,
    }
    return spec | {"model": network.model, "fetched": settings}


def wants(spec: Spec, places: Places) -> str:
    """How to get the published file, where it is not in its place."""
    said = spec["fetched"]
    if (places.network(said["network"]) / said["file"]).exists():
        return ""
    return f"{said['file']} is missing: {how_to_get(catalogue.read(said['network'], places.directory))}"


def how_to_get(network: Network) -> str:
    """The command that fetches a network, or says where it is asked for."""
    if network.part.free:
        return f"sepflow fetch {network.name}"
    return f"it has to be asked for, as sepflow networks {network.name} says"


DECLARED = Declaration(
    parts={}, settings="fetched", separates=False, made=True, completed=completed, wants=wants
)
