"""`python -m deploy.dashboards` writes every dashboard as JSON where Grafana is told to look for it."""

from deploy.dashboards.written import FOLDER, written

if __name__ == "__main__":
    for stale in FOLDER.glob("*.json"):
        stale.unlink()
    for name, text in written().items():
        (FOLDER / f"{name}.json").write_text(text)
