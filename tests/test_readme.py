"""What the README shows is what happens."""

import linecache
import re
from pathlib import Path

import fwdwidgets as fw

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def run_blocks(capsys):
    """Run the README's Python blocks as the cells of one notebook."""
    scope = {}
    for number, code in enumerate(re.findall(r"```python\n(.*?)```", README, re.S)):
        name = f"<README {number}>"
        linecache.cache[name] = (len(code), None, code.splitlines(True), name)
        exec(compile(code, name, "exec"), scope)
    return scope, capsys.readouterr().out


def test_the_code_of_the_readme_runs_and_prints_its_table(capsys):
    scope, printed = run_blocks(capsys)
    (table,) = re.findall(r"```text\n(.*?)```", README, re.S)
    assert printed == table
    widget = scope["widget"]
    assert (widget.sample, widget.layer) == (3, "conv")


def test_the_example_has_fifteen_lines():
    code = re.findall(r"```python\n(.*?)```", README, re.S)[0]
    assert sum(bool(line.strip()) for line in code.splitlines()) <= 15


def test_every_public_name_of_the_readme_exists():
    for name in set(re.findall(r"\bfw\.((?:\w+\.)?\w+)", README)):
        value = fw
        for part in name.split("."):
            value = getattr(value, part)


def test_the_readmes_links_and_pictures_are_there():
    root = Path(__file__).parents[1]
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (root / target).exists(), target
