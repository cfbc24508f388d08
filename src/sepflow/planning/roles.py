"""Which corpus plays a role, and what a mix over it is: recipes, from a scale's file and the user's paths."""

from pathlib import Path
from typing import Any

from sepflow.corpora import catalogue, kinds
from sepflow.corpora.digest import list_digest
from sepflow.corpora.layouts import corpus_digest
from sepflow.corpora.presence import folder_of
from sepflow.errors import SepflowError
from sepflow.files import config as files
from sepflow.identity import RECIPES, digest
from sepflow.mixes.recipes import LISTED, Recipe, check_mono
from sepflow.planning.recipes import check_entry
from sepflow.simulation.published import NATIVE_RATE

NOISE_ROLE = "room_noise"


class Roles:
    """The corpora of a scale as recipes; `corpora`, `labels`: those asked for so far, by their names."""

    def __init__(self, scale: dict[str, Any], name: str, paths: dict[str, str], root: Path):
        self.scale, self.paths, self.root = scale, paths, root
        self.name, self.file = name, f"config/scales/{name}.yaml"
        self.corpora: dict[str, Recipe] = {}
        self.labels: dict[str, str] = {}
        self._digests: dict[str, str] = {}  # each directory is read once, however many mixes ask
        for corpus, entry in scale["corpora"].items():
            check_entry(entry, root / "config", f"{self.file}: corpora.{corpus}")

    def mix(self, mix: dict[str, Any], where: str) -> Recipe:
        """The whole recipe of a mix as a paper describes it (`role`, `rate`, ... : a copy, taken apart here).

        Raises SepflowError naming the file and the key where a role, corpus or path is missing.
        """
        role, rate = mix.pop("role"), mix.pop("rate")
        name = self._player(role, f"{where}.role")
        entry = self.scale["corpora"][name]
        noisy = mix.pop("noise", False)
        if entry["kind"] in LISTED:
            return self._listed(name, entry, mix | {"rate": rate}, noisy, where)
        if "subset" in mix:
            raise SepflowError(
                f"{where}.subset: {name} is no list of mixtures: what is drawn from it has none"
            )
        if noisy != ("noise_difference" in mix):
            raise SepflowError(f"{where}: noise and noise_difference: only one of them is set")
        recipe = {"kind": "speakers", "recipe": RECIPES["mix"], "corpus": self._corpus(name, rate), **mix}
        if noisy:
            recipe["noise"] = self._corpus(self._player(NOISE_ROLE, f"{where}.noise"), rate)
        check_mono(recipe, where)
        return recipe

    def _listed(
        self, name: str, entry: dict[str, Any], mix: dict[str, Any], noisy: bool, where: str
    ) -> Recipe:
        kind = entry["kind"]
        for key, what in (("noise_difference", "levels"), ("among", "speakers")):
            if key in mix:
                raise SepflowError(f"{where}.{key}: {name} is a list of mixtures, which says its {what}")
        if (kind == "librimix") != ("subset" in mix):
            words = (
                "not set; say which list, e.g. train-clean-100" if kind == "librimix" else "has one a split"
            )
            raise SepflowError(f"{where}.subset: {name}: {words}")
        if noisy and (kind != "librimix" or "noise" not in entry):
            raise SepflowError(f"{where}.noise: {self.file}: corpora.{name} names no noise")
        source = (
            {"release": entry["release"]} if "release" in entry else {"digest": self._digest(name, entry)}
        )
        recipe = {"kind": kind, "recipe": RECIPES[kind], "list": source, **mix}
        recipe["corpus"] = self._corpus(entry["speech"], NATIVE_RATE)
        if noisy:
            recipe["noise"] = self._corpus(entry["noise"], NATIVE_RATE)
        check_mono(recipe, where)
        self.labels[digest(recipe)] = name
        return recipe

    def _player(self, role: str, where: str) -> str:
        if role not in self.scale["roles"]:
            raise SepflowError(
                f"{where}: {self.file} has no corpus for the role {role!r}; "
                "give it one there, or leave the paper out of papers in config/config.yaml"
            )
        self._known(self.scale["roles"][role], f"roles.{role}")
        return self.scale["roles"][role]

    def _known(self, name: str, key: str) -> None:
        if name not in self.scale["corpora"]:
            words = files.unknown_name("corpus", name, list(self.scale["corpora"]))
            raise SepflowError(f"{self.file}: {key}: {words}")

    def _corpus(self, name: str, rate: int) -> Recipe:
        self._known(name, "corpora")
        entry = self.scale["corpora"][name]
        if entry["kind"] in LISTED:
            raise SepflowError(
                f"{self.file}: corpora.{name}: a list of mixtures, where recordings are needed"
            )
        kind = kinds.find(entry["kind"])
        recipe = {**entry, "rate": rate, "recipe": kind.recipe}
        recipe.pop("public", None)
        if kind.on_disk and "release" not in recipe:
            recipe["digest"] = self._digest(name, entry)
        key = digest(recipe)
        self.corpora[key], self.labels[key] = recipe, name
        return recipe

    def _digest(self, name: str, entry: dict[str, Any]) -> str:
        path = self.paths.get(name)
        listed = entry["kind"] in LISTED
        if not path:
            public = entry.get("public", [])
            words = f"\nPublic ones that fit: {'; '.join(public)}." if public else ""
            words += catalogue.hint(name, self.root)
            what = "lists of mixtures" if listed else "a folder of recordings"
            raise SepflowError(
                f"config/config.yaml: corpora.{name} is not set: scale {self.name} reads {what}; "
                f"give its directory there, or with --config 'corpora={{{name}: DIRECTORY}}'; or take the "
                f"paper that asks for it out of `papers`{words}"
            )
        if name not in self._digests:
            try:
                directory = folder_of(name, self.paths, self.root)
                self._digests[name] = list_digest(directory) if listed else corpus_digest(entry, directory)
            except SepflowError as error:
                raise SepflowError(f"config/config.yaml: corpora.{name}: {error}") from error
        return self._digests[name]
