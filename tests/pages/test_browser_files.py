"""The browser's side of pages: what is fetched, and what is refused."""

import gzip
import io
import json
import shutil
import subprocess
import sys
import tarfile

import plotly.offline
import pytest

from fwdwidgets.pages import browser_files

LICENCES = {"plotly.js.txt", "onnxruntime.txt", "onnxruntime-third-party.txt"}


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """A machine whose npm is the given lines of Python."""

    def install(code):
        program = tmp_path / "bin" / "npm"
        program.parent.mkdir()
        program.write_text(f"#!{sys.executable}\nimport sys\n{code}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent))

    return install


def refusal(folder):
    with pytest.raises(browser_files.CannotFetch) as caught:
        browser_files.fetch(folder)
    assert not folder.exists()
    return str(caught.value)


def test_a_tampered_package_is_refused_before_it_is_unpacked(tmp_path, npm, monkeypatch):
    package = browser_files.PACKAGES[0]
    tampered = tmp_path / "tampered.tgz"
    with tarfile.open(tampered, "w:gz") as tar:
        for name in package.files:
            member = tarfile.TarInfo(name)
            member.size = 7
            tar.addfile(member, io.BytesIO(b"alert()"))
    archive = f"{package.name}-{package.version}.tgz"
    npm(f"import shutil; shutil.copy({str(tampered)!r}, {archive!r})")
    monkeypatch.setattr(browser_files, "_unpack", lambda *_: pytest.fail("it was unpacked"))
    message = refusal(tmp_path / "runtime")
    assert message.startswith(f"{archive} has the hash sha512-")
    assert f"not the pinned {package.integrity}: it is not the file" in message


@pytest.mark.parametrize(
    "pinned",
    [
        # What `openssl dgst -sha512 -binary | base64` and `sha256sum` say of b"abc".
        "sha512-3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9"
        "RU1EI2Q86A4qmslPpUyknw==",
        "sha256-ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    ],
)
def test_a_file_of_the_pinned_hash_is_taken_and_no_other(tmp_path, pinned):
    archive = tmp_path / "archive"
    archive.write_bytes(b"abc")
    browser_files.check(archive, pinned)
    archive.write_bytes(b"abd")
    with pytest.raises(browser_files.CannotFetch, match="Nothing of it is used"):
        browser_files.check(archive, pinned)


def test_without_npm_nothing_is_fetched(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    message = refusal(tmp_path / "runtime")
    assert message.startswith("npm is not installed: ")
    assert message.endswith("Install npm, then run python -m fwdwidgets.pages.browser_files")


@pytest.mark.parametrize(
    "code",
    [
        # As npm 11 says it, with --json; and a program that fails in another way.
        'print(\'{"error": {"code": "E", "summary": "connect ECONNREFUSED"}}\'); sys.exit(1)',
        'sys.exit("connect ECONNREFUSED")',
    ],
)
def test_what_npm_says_is_told(tmp_path, npm, code):
    npm(code)
    message = refusal(tmp_path / "runtime")
    assert "dist-min@" in message
    assert "cannot be fetched: connect ECONNREFUSED. See to the network" in message
    assert "the registry that npm is set to, then run python -m" in message


def test_missing_files_are_told_with_what_to_do(tmp_path):
    assert not browser_files.is_complete(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"ort\.wasm\.gz, .* Install npm, then run python"):
        browser_files.read("ort.wasm", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"plotly\.js\.txt, .* Install npm, then run"):
        browser_files.licenses(tmp_path)


def test_a_folder_of_other_versions_or_without_a_file_is_not_complete(tmp_path):
    folder = tmp_path / "runtime"
    shutil.copytree(browser_files.FOLDER, folder)
    assert browser_files.is_complete(folder)
    (folder / "versions.json").write_text(json.dumps(dict.fromkeys(browser_files.versions(), "0")))
    assert not browser_files.is_complete(folder)
    shutil.copy(browser_files.FOLDER / "versions.json", folder)
    (folder / "LICENSES" / "plotly.js.txt").unlink()
    assert not browser_files.is_complete(folder)


def test_the_files_are_there_with_their_licences():
    assert browser_files.is_complete()
    code = {name: browser_files.read(name) for name in ("plotly.js", "ort.mjs", "ort.wasm")}
    # The bytes 4 to 7 of gzip are a time: none, so that the same file has the same bytes.
    assert all(content[:2] == b"\x1f\x8b" and content[4:8] == bytes(4) for content in code.values())
    code = {name: gzip.decompress(content) for name, content in code.items()}
    assert code["ort.wasm"].startswith(b"\0asm")
    versions = browser_files.versions()
    assert f"v{versions['plotly.js-cartesian-dist-min']}\n".encode() in code["plotly.js"][:200]
    assert f"Web v{versions['onnxruntime-web']}\n".encode() in code["ort.mjs"][:200]
    licenses = browser_files.licenses()
    assert set(licenses) == LICENCES
    for name in ("plotly.js.txt", "onnxruntime.txt"):
        assert "Permission is hereby granted" in licenses[name]


def test_a_page_draws_with_the_plotly_of_the_live_widgets():
    ours = browser_files.versions()["plotly.js-cartesian-dist-min"]
    assert ours == plotly.offline.get_plotlyjs_version()


def test_the_browser_files_are_fetched_by_the_standard_library_alone():
    code = (
        "import runpy, sys; runpy.run_path(sys.argv[1]); "
        "assert not {'torch', 'numpy', 'fwdwidgets'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, browser_files.__file__], check=True)
