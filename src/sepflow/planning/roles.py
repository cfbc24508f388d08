"""Which corpus plays a role, and what a mix over it is: recipes, from a scale's file and the user's paths."""

from pathlib import Path
from typing import Any

from sepflow import plugs
from sepflow.corpora import catalogue
from sepflow.corpora import kinds as corpora
from sepflow.corpora.digest import list_digest
from sepflow.corpora.layouts import corpus_digest
from sepflow.corpora.presence import folder_of
from sepflow.errors import SepflowError
from sepflow.files import config as files
from sepflow.identity import digest, number_of
from sepflow.mixes import kind_of, kinds, resolved
from sepflow.mixes.recipes import Recipe
from sepflow.planning.checks import complete
from sepflow.planning.recipes import check_entry, is_list


class Roles:
    """The corpora of a scale as recipes.

    Of those asked for so far, by their names: `corpora`, and `titles`, what the scale calls them.
    """

    def __init__(self, scale: dict[str, Any], name: str, paths: dict[str, str], root: Path):
        self.scale, self.paths, self.root = scale, paths, root
        self.name, self.file = name, f"config/scales/{name}.yaml"
        self.corpora: dict[str, Recipe] = {}
        self.titles: dict[str, str] = {}
        self._digests: dict[str, str] = {}  # each directory is read once, however many mixes ask
        for corpus, entry in scale["corpora"].items():
            check_entry(entry, root / "config", f"{self.file}: corpora.{corpus}")

    def mix(self, mix: dict[str, Any], where: str) -> Recipe:
        """The whole recipe of a mix as a paper describes it (`role`, `rate`, ... : a copy, taken apart here).

        Its kind is what it says, or else that of a list of mixtures that plays its role, or else `speakers`.
        Raises SepflowError naming the file and the key where something is missing, or not of that kind.
        """
        complete(mix, ("role",), where)
        said = {*mix}
        name = self.player(mix.pop("role"), f"{where}.role")
        listed = self.entry(name)["kind"]
        named = mix.pop("kind", listed if is_list(listed) else "speakers")
        if named not in kinds():
            raise SepflowError(f"{where}: kind: {files.unknown_name('kind of mix', named, kinds())}")
        kind = kind_of(named)
        if kind.listed != is_list(listed) or (kind.listed and named != listed):
            raise SepflowError(f"{where}: kind: {named}, over the corpus {name} of the kind {listed}")
        if "kind" in said and (wrong := sorted({*mix} - {"rate", *kind.keys, *kind.may})):
            raise SepflowError(
                f"{where}: {', '.join(wrong)}: nothing that a mix of the kind {named} has; "
                f"it has {', '.join((*kind.keys, *kind.may))}"
            )
        complete(mix, ("rate", *(key for key in kind.keys if key != "subset")), where)
        recipe = resolved(mix, named, name, self, where)
        plugs.check_says(plugs.PACKAGE / "mixes" / named / "mixtures.py", "MIX", "decide")
        if kind.listed:
            self.titles[digest(recipe)] = name
        return recipe

    def entry(self, name: str) -> dict[str, Any]:
        """What the scale says of a corpus."""
        self._known(name, "corpora")
        return self.scale["corpora"][name]

    def lists(self, name: str) -> dict[str, str]:
        """The release, or the digest, of lists of mixtures."""
        entry = self.entry(name)
        return {"release": entry["release"]} if "release" in entry else {"digest": self._digest(name, entry)}

    def player(self, role: str, where: str) -> str:
        """What the scale calls the corpus that plays a role."""
        if role not in self.scale["roles"]:
            words = files.unknown_name("role", role, list(self.scale["roles"]))
            raise SepflowError(
                f"{where}: {words} Give it a corpus in {self.file}, or leave the paper out of papers in "
                "config/config.yaml"
            )
        self._known(self.scale["roles"][role], f"roles.{role}")
        return self.scale["roles"][role]

    def _known(self, name: str, key: str) -> None:
        if name not in self.scale["corpora"]:
            words = files.unknown_name("corpus", name, list(self.scale["corpora"]))
            raise SepflowError(f"{self.file}: {key}: {words}")

    def corpus(self, name: str, rate: int) -> Recipe:
        """The recipe of a corpus of recordings, at a rate."""
        entry = self.entry(name)
        if is_list(entry["kind"]):
            raise SepflowError(
                f"{self.file}: corpora.{name}: a list of mixtures, where recordings are needed"
            )
        recipe = {**entry, "rate": rate, "recipe": number_of(entry["kind"])}
        recipe.pop("public", None)
        if corpora.find(entry["kind"]).on_disk and "release" not in recipe:
            recipe["digest"] = self._digest(name, entry)
        key = digest(recipe)
        self.corpora[key], self.titles[key] = recipe, name
        return recipe

    def _digest(self, name: str, entry: dict[str, Any]) -> str:
        path = self.paths.get(name)
        listed = is_list(entry["kind"])
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
