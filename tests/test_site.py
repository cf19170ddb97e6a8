"""The documentation site: it is built, and whatever Sphinx warns of fails it."""

import os
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def test_the_site_is_built_without_a_warning_and_has_every_page(tmp_path: Path) -> None:
    site = tmp_path / "site"
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", str(DOCS), str(site)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for page in (*DOCS.glob("*.md"), *DOCS.glob("*.ipynb"), *DOCS.glob("notebook/*.md")):
        assert (site / page.relative_to(DOCS)).with_suffix(".html").is_file(), page
    assert 'id="nearsight.train"' in (site / "api.html").read_text(encoding="utf-8")
