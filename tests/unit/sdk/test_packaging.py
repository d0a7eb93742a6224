"""The SDK stands alone: an algorithm author installs it and nothing else of easyai."""

import ast
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

SDK = Path(__file__).parents[3] / "easyai" / "sdk"


def imports(tree: ast.AST) -> Iterator[str]:
    """The modules that a file imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "absolute imports only"
            yield str(node.module)


def test_sdk_imports_nothing_else_of_easyai_and_only_declared_libraries() -> None:
    allowed = {"requests", "urllib3", "numpy", "cv2", "PIL"} | sys.stdlib_module_names
    for file in SDK.rglob("*.py"):
        for module in imports(ast.parse(file.read_text("utf-8"))):
            own = module == "easyai.sdk" or module.startswith("easyai.sdk.")
            assert own or module.partition(".")[0] in allowed, f"{file.name} imports {module}"


def test_wheel_of_the_sdk_holds_the_sdk_alone(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=SDK, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("easyai_frames_sdk-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
        metadata = next(name for name in archive.namelist() if name.endswith("/METADATA"))
        required = archive.read(metadata).decode()
    packaged = {str(file.relative_to(SDK.parents[1])) for file in SDK.rglob("*.py")}
    assert set(names) == packaged | {"easyai/sdk/py.typed"}
    always = [
        line
        for line in required.splitlines()
        if line.startswith("Requires-Dist") and "extra ==" not in line
    ]
    assert always == ["Requires-Dist: requests>=2.32", "Requires-Dist: urllib3>=2.2"]
