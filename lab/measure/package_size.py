"""Prints the size in bytes of the deployment package with the files and Python packages that are named, compressed as SAM does it."""

import importlib.util
import io
import sys
import zipfile
from pathlib import Path


def files(name):
    """A file by its path, or all files of an importable package, each with its name in the package."""
    path = Path(name)
    if path.is_file():
        return [(path, path.name)]
    spec = importlib.util.find_spec(name)
    if spec is None:
        sys.exit(f"there is neither a file nor a package {name}")
    origin = Path(spec.origin)
    if origin.name != "__init__.py":
        return [(origin, origin.name)]
    found = sorted(one for one in origin.parent.rglob("*") if one.is_file() and "__pycache__" not in one.parts)
    return [(one, str(one.relative_to(origin.parent.parent))) for one in found]


archive = io.BytesIO()
with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as package:
    for name in sys.argv[1:]:
        for path, stored_as in files(name):
            package.write(path, stored_as)
print(archive.tell())
