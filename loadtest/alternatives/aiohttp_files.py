"""A server of files by aiohttp: `python -m loadtest.alternatives.aiohttp_files PORT FOLDER`."""

import sys

from aiohttp import web


def main(port: str, folder: str) -> None:
    """Serve the files of a folder at `/files` until the process is ended."""
    app = web.Application()
    app.router.add_static("/files", folder)
    web.run_app(app, host="127.0.0.1", port=int(port), access_log=None, print=None)


if __name__ == "__main__":
    main(*sys.argv[1:])
