"""What is written about the project is true of it, and speaks of no one's machine."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("src", "tests", "docs", "perf", "examples", "recipes", ".ci")
PAPERS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.M | re.S)
# Home and work folders, and registries, in parts so that this file does not name them itself.
MACHINE = re.compile(
    r"(?<![\w.<{])/(?:" + "|".join(["ro" + "ot", "ho" + r"me/\w+", "Us" + r"ers/\w+", "wo" + "rk"])
    + r")/|/opt/(?:py" + "pi|whe" + "els)"
)  # fmt: skip


def blocks(language):
    return [
        pytest.param(body, id=f"{path.name}-{number}")
        for path in PAPERS
        for number, (kind, body) in enumerate(BLOCK.findall(path.read_text(encoding="utf-8")))
        if kind == language
    ]


def texts():
    """Every text file that a clone holds, by folder."""
    files = [path for path in ROOT.iterdir() if path.is_file()]
    for folder in FOLDERS:
        files += [path for path in (ROOT / folder).rglob("*") if path.is_file()]
    for path in files:
        if "__pycache__" in path.parts or ".egg-info" in str(path):
            continue
        body = path.read_bytes()
        if b"\0" not in body[:4096]:
            yield path, body.decode("utf-8", "replace")


def test_no_path_of_a_machine_is_written_anywhere():
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if MACHINE.search(line)
    ]
    assert found == []


@pytest.mark.parametrize("body", blocks("python"))
def test_python_in_the_papers_compiles(body):
    compile(body, "<paper>", "exec")


@pytest.mark.parametrize("body", [body for kind in ("bash", "sh") for body in blocks(kind)])
def test_commands_in_the_papers_exist_with_their_options(body):
    """Every ``unireward VERB --option`` and ``make TARGET`` is one that there is."""
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    for line in body.replace("\\\n", " ").splitlines():
        line = re.sub(r"\s+#.*", "", line)
        if match := re.match(r"make (\w+)", line):
            assert match[1] in targets
        for call in re.findall(r"\bunireward ([^|>&]+)", line):
            check_call(call.split())


def check_call(words):
    import typer

    from unireward.cli.app import build

    command, path = typer.main.get_command(build()), []
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        assert words[0] in command.commands, f"unireward has no {' '.join([*path, words[0]])}"
        path.append(words[0])
        command = command.commands[words.pop(0)]
    known = {option for param in command.params for option in (*param.opts, *param.secondary_opts)}
    for word in words:
        if word.startswith("--"):
            assert word.partition("=")[0] in known | {"--help"}, f"{' '.join(path)} has no {word}"


def test_links_in_the_papers_lead_somewhere():
    for path in PAPERS:
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8")):
            if "://" not in link:
                assert (path.parent / link).exists(), f"{path.name} links {link}"
