"""Writes what each image is made of as CycloneDX 1.6 (ECMA-424), from the hashed locks; knows which licences may be in.

    python tools/dev/sbom.py             # dist/sbom/<image>.cdx.json and a table
    python tools/dev/sbom.py --check     # only: is every part's licence known and allowed?

The same tree gives the same bytes: the serial number is drawn from the content, the time is the commit's. A part's
hashes are those of every file the lock accepts for it; one of them was installed. Licences are read from the installed
packages, so a part for another platform has none here. The stack's Java parts are listed in `stack` without licences:
their lock has names and hashes only, and each carries its own.
"""

import re
import subprocess
import sys
import tomllib
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Final

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from license_expression import ExpressionError, Licensing, get_spdx_licensing
from packageurl import PackageURL
from rich.console import Console
from rich.table import Table

from staithe.stack.artifacts import load_lock

ROOT: Final = Path(__file__).resolve().parents[2]
OUTPUT: Final = ROOT / "dist" / "sbom"
IMAGES: Final = ("keys", "ingestion", "sanitization", "embedding", "indexing", "audit", "query", "cli")
LOCKS: Final = ROOT / "tools" / "stack" / "src" / "staithe" / "stack" / "locks"
VERSION: Final = tomllib.loads((ROOT / "libs" / "kernel" / "pyproject.toml").read_text())["project"]["version"]
UNKNOWN: Final = ""
_NAMESPACE: Final = uuid.UUID("6f6c2d9e-5d0b-4c57-9f6a-2f3f6f2a7f01")
_PIN: Final = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)")
_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Rules:
    """`licences.toml`: which licences may be in, and what packages mean that do not say it in SPDX."""

    allowed: frozenset[str]
    spelt: dict[str, str]
    read: dict[str, str]
    kept: dict[str, str]

    @classmethod
    def load(cls) -> "Rules":
        given = tomllib.loads(Path(__file__).with_name("licences.toml").read_text())
        return cls(frozenset(given["allowed"]), given["spelt"], given["read"], given["kept"])

    def licence(self, name: str) -> str | None:
        """The SPDX expression of an installed package; UNKNOWN when it does not say; None when it is not installed."""
        try:
            about = metadata(name)
        except PackageNotFoundError:
            return None
        said = about.get_all("Classifier") or []
        classified = [each.rsplit(" :: ", 1)[-1] for each in said if each.startswith("License :: ")]
        for each in (self.read.get(name), about.get("License-Expression"), about.get("License"), *classified):
            expression = self.spelt.get(each or "", each)
            if expression and _is_spdx(expression):
                return expression
        return UNKNOWN

    def refusal(self, part: "Part") -> str:
        """Why this part may not be in; empty when it may."""
        if part.licence == UNKNOWN:
            return "does not say its licence: read its licence file and add it to [read]"
        if part.licence is None or part.name in self.kept or self._allows(part.licence):
            return ""
        return f"has the licence {part.licence}, which is not allowed"

    def _allows(self, expression: str) -> bool:
        licensing = spdx()
        allowed = {licensing.parse(each): licensing.TRUE for each in self.allowed}
        return bool(licensing.parse(expression, simple=True).subs(allowed).simplify() == licensing.TRUE)


@dataclass(frozen=True)
class Part:
    """One package of an image. `licence` is None where nothing of it is installed here."""

    name: str
    version: str
    hashes: tuple[str, ...]
    licence: str | None

    def component(self) -> Component:
        """As CycloneDX has it."""
        licences = [LicenseFactory().make_from_string(self.licence)] if self.licence else []
        return Component(
            type=ComponentType.LIBRARY, name=self.name, version=self.version, licenses=licences,
            purl=PackageURL("pypi", name=self.name, version=self.version), bom_ref=f"{self.name}=={self.version}",
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each) for each in self.hashes],
        )  # fmt: skip


def main() -> int:
    """Write, or check; the exit code says whether every licence may be in."""
    rules = Rules.load()
    images = {image: list(parts(ROOT / "requirements" / f"{image}.txt", rules)) for image in IMAGES}
    refused = sorted(
        {f"{each.name} {why}" for found in images.values() for each in found if (why := rules.refusal(each))}
    )
    unused = sorted({*rules.read, *rules.kept} - {each.name for found in images.values() for each in found})
    for line in (*refused, *(f"{each} is in no lock: take it out of licences.toml" for each in unused)):
        sys.stdout.write(f"{line}\n")
    if "--check" not in sys.argv[1:]:
        write({name: [each.component() for each in found] for name, found in images.items()} | {"stack": list(jars())})
        show(images, rules)
    return 1 if refused or unused else 0


def parts(lock: Path, rules: Rules) -> Iterator[Part]:
    """Every package of a lock, in its order; one with several versions (by platform) comes once for each."""
    lines = lock.read_text().replace("\\\n", " ").splitlines()
    for line in lines:
        pin = _PIN.match(line)
        if pin:
            yield Part(pin[1], pin[2], tuple(_HASH.findall(line)), rules.licence(pin[1]))


def jars() -> Iterator[Component]:
    """Every file that the local stack fetches for broker and registry."""
    artifacts = {
        each.sha256: each for path in sorted(LOCKS.glob("*.sha256")) for each in load_lock(path.stem).artifacts
    }
    for each in artifacts.values():
        qualifiers = {"type": each.extension, "classifier": each.classifier} if each.classifier else {}
        yield Component(
            type=ComponentType.LIBRARY, group=each.group, name=each.name, version=each.version, bom_ref=each.filename,
            purl=PackageURL("maven", each.group, each.name, each.version, qualifiers),
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each.sha256)],
        )  # fmt: skip


def write(bills: dict[str, Sequence[Component]]) -> None:
    """One file each, validated against the standard's strict schema."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    made = datetime.fromtimestamp(int(_git("log", "-1", "--format=%ct")), UTC)
    for name, components in bills.items():
        text = JsonV1Dot6(bill(name, components, made)).output_as_string(indent=2)
        error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
        if error is not None:
            raise SystemExit(f"{name}: not CycloneDX 1.6: {error}")
        (OUTPUT / f"{name}.cdx.json").write_text(text + "\n")


def bill(name: str, components: Sequence[Component], made: datetime) -> Bom:
    """The bill of one image: it depends on every part."""
    root = Component(
        type=ComponentType.APPLICATION, name=f"staithe-{name}", version=VERSION, bom_ref=f"staithe-{name}",
        licenses=[LicenseFactory().make_from_string("Apache-2.0")],
    )  # fmt: skip
    content = "\n".join(sorted(f"{each.purl}" for each in components))
    made_of = Bom(
        components=components, serial_number=uuid.uuid5(_NAMESPACE, f"{name}\n{_git('rev-parse', 'HEAD')}\n{content}"),
        metadata=BomMetaData(component=root, timestamp=made, tools=ToolRepository()),
    )  # fmt: skip
    made_of.register_dependency(root, components)
    return made_of


def show(images: dict[str, list[Part]], rules: Rules) -> None:
    """Which licences are in, by how many packages, and why those that are not allowed for all may stay."""
    every = {(each.name, each.version): each for found in images.values() for each in found}
    by_licence: dict[str, list[str]] = {}
    for each in every.values():
        by_licence.setdefault(each.licence or "not installed on this platform", []).append(each.name)
    table = Table("licence", "packages", "which", title=f"{len(every)} packages in {len(images)} images")
    for licence, names in sorted(by_licence.items(), key=lambda item: -len(item[1])):
        shown = sorted(set(names))
        more = f" and {len(shown) - 6} more" if len(shown) > 6 else ""
        reasons = " ".join(rules.kept[name] for name in shown if name in rules.kept)
        table.add_row(licence, str(len(shown)), f"{', '.join(shown[:6])}{more}{'. ' + reasons if reasons else ''}")
    console = Console()
    console.print(table)
    console.print(f"wrote {OUTPUT.relative_to(ROOT)}/*.cdx.json", highlight=False)


@cache
def spdx() -> Licensing:
    """The licences of the SPDX list; loading it takes a second."""
    return get_spdx_licensing()


def _is_spdx(expression: str) -> bool:
    try:
        return not spdx().unknown_license_keys(expression) or expression.startswith("LicenseRef-")
    except ExpressionError:
        return False


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    raise SystemExit(main())
