"""Of the modules of the browser's side a page makes one classic script."""

import subprocess

import pytest

from fwdwidgets.pages import template


def parses(script: str) -> bool:
    command = ["node", "--check", "-"]
    run = subprocess.run(command, input=script, text=True, capture_output=True, check=False)
    return run.returncode == 0


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """Makes the script of these modules instead."""
    monkeypatch.setattr(template, "HERE", tmp_path)

    def make(**codes: str) -> str:
        monkeypatch.setattr(template, "SCRIPTS", tuple(codes))
        for name, code in codes.items():
            (tmp_path / f"{name}.js").write_text(code, encoding="utf-8")
        return template.script.__wrapped__()

    return make


def test_the_script_parses():
    assert parses(template.script())


def test_every_module_of_a_page_is_in_it():
    files = {path.stem for path in template.HERE.glob("*.js")}
    assert files - {"fit"} == set(template.SCRIPTS)  # fit.js stands in the page around


def test_a_module_stands_after_those_that_it_imports():
    for at, name in enumerate(template.SCRIPTS):
        code = (template.HERE / f"{name}.js").read_text(encoding="utf-8")
        for other in template.SCRIPTS[at:]:
            assert f'from "./{other}.js";' not in code, f"{name}.js imports {other}.js"


def test_types_and_imports_are_left_out(modules):
    script = modules(
        one="/** @param {string} a */\nexport const one = (a) => a; // a comment\n\n"
        'const more = "x";\n',
        two='import { one } from "./one.js";\nimport {\n  more,\n} from "./one.js";\n'
        "/**\n * What it does.\n * @returns {string}\n */\nexport async function two() {\n"
        "  const kept = /** @type {string} */ (one(more));\n  return kept;\n}\n",
    )
    modules_part = script[script.index("const one") :]
    assert modules_part == (
        'const one = (a) => a; // a comment\n\nconst more = "x";\n\nasync function two() {\n'
        "  const kept = /** @type {string} */ (one(more));\n  return kept;\n}\n}\n"
    )
    assert parses(script)


@pytest.mark.parametrize("code", ["export { a };\n", "export default a;\n", 'import "./b.js";\n'])
def test_what_one_scope_cannot_have_is_refused(modules, code):
    with pytest.raises(RuntimeError, match=r"one\.js: a page cannot have '(export|import) "):
        modules(one=code)


def test_a_name_that_two_modules_declare_does_not_parse(modules):
    assert not parses(modules(one="function a() {}\n", two="function a() {}\n"))
    assert parses(modules(one="function a() {}\n", two="function b() {}\n"))
