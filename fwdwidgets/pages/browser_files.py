"""What a page needs in the browser: plotly.js and onnxruntime-web, from npm, pinned by hash.

They are fetched when the package is built, travel in the wheel with their licences, and are
never committed. In a checkout `python -m fwdwidgets.pages.browser_files` fetches them. Nothing
but the standard library is imported here, for the build loads this file alone.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "runtime"


@dataclass(frozen=True)
class _Package:
    """A package of npm: its pinned version, its hash as npm writes it, what is taken of it."""

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
# onnxruntime-web carries no licence; its Python twin, of the same repository, does.
NOTICES = {
    "onnxruntime/LICENSE": (
        "LICENSES/onnxruntime.txt",
        "2f07c72751aed99790b8a4869cf2311df85a860b22ded05fa22803587a48922c",
    ),
    "onnxruntime/ThirdPartyNotices.txt": (
        "LICENSES/onnxruntime-third-party.txt",
        "143764b952fdb1a7c69ce653bfba74a7744d6a8a573bfb73e235fba356c83de3",
    ),
}


class CannotFetch(RuntimeError):
    """The files cannot be had; the message says why and what to do."""


def versions() -> dict[str, str]:
    """The pinned version of each package, by its name."""
    return {package.name: package.version for package in PACKAGES}


def is_complete(folder: Path = FOLDER) -> bool:
    """Whether all files of the pinned versions are in `folder`."""
    names = [name for package in PACKAGES for name in package.files.values()]
    names += [name for name, _ in NOTICES.values()]
    try:
        known = json.loads((folder / "versions.json").read_text())
    except (OSError, ValueError):
        return False
    return known == versions() and all((folder / name).is_file() for name in names)


def read(name: str, folder: Path = FOLDER) -> bytes:
    """The gzip bytes of `plotly.js`, `ort.mjs` or `ort.wasm`.

    Raises:
        FileNotFoundError: they are not installed; the message says how to get them.
    """
    path = folder / f"{name}.gz"
    if not path.is_file():
        raise FileNotFoundError(
            f"{path.name}, which pages need, is not installed: this copy of fwdwidgets was built "
            "where npm was missing. Install npm, then run python -m fwdwidgets.pages.browser_files"
        )
    return path.read_bytes()


def fetch(folder: Path = FOLDER) -> None:
    """Fetch all files into `folder`, with the reader's own npm and pip and their settings.

    Raises:
        CannotFetch: npm is missing, a package cannot be had, or its hash is not the pinned one.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise CannotFetch("npm is not installed: pages without a kernel need it once, to build.")
    with tempfile.TemporaryDirectory() as temporary:
        made = Path(temporary) / "runtime"
        for package in PACKAGES:
            spec = f"{package.name}@{package.version}"
            _run([npm, "pack", "--silent", spec], temporary, spec)
            archive = next(Path(temporary).glob(f"{package.name}-*.tgz"))
            check(archive, package.integrity)
            _unpack(archive, package.files, made)
        spec = f"onnxruntime=={versions()['onnxruntime-web']}"
        wheel = ["--only-binary=:all:", "--python-version=3.12", "--platform=manylinux_2_28_x86_64"]
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *wheel, spec]
        _run(pip, temporary, spec)
        _unpack_notices(next(Path(temporary).glob("onnxruntime-*.whl")), made)
        (made / "versions.json").write_text(json.dumps(versions(), indent=1) + "\n")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(made, folder)


def check(archive: Path, integrity: str) -> None:
    """Refuse a file whose hash is not `integrity`, `"sha512-"` and base64 as npm writes it."""
    kind, _, wanted = integrity.partition("-")
    found = base64.b64encode(hashlib.new(kind, archive.read_bytes()).digest()).decode()
    if found != wanted:
        raise CannotFetch(
            f"{archive.name} has the hash {kind}-{found} and not the pinned {integrity}: it is "
            "not the file that this version was made with. Nothing of it is used."
        )


def _run(command: list[str], folder: str, what: str) -> None:
    # An isolated build hides the packages of its own Python, pip among them.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise CannotFetch(f"{what} cannot be fetched: {last}")


def _unpack(archive: Path, files: dict[str, str], folder: Path) -> None:
    with tarfile.open(archive) as tar:
        for name, target in files.items():
            member = tar.extractfile(name)
            assert member is not None, f"{archive.name} has {name}: its hash is pinned"
            _write(folder / target, member.read())


def _unpack_notices(wheel: Path, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name, (target, wanted) in NOTICES.items():
            content = archive.read(name)
            if hashlib.sha256(content).hexdigest() != wanted:
                raise CannotFetch(f"{name} of {wheel.name} is not the pinned one.")
            _write(folder / target, content)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".gz":
        content = gzip.compress(content, compresslevel=9, mtime=0)
    path.write_bytes(content)


def main() -> int:
    """Fetch what is missing; the exit code is 0, or 1 where it cannot be had."""
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
