"""The limit of open files is raised as far as the system allows; in a process of its own, since it stays raised."""

import subprocess
import sys

import pytest

ASK = """
import logging, resource, sys
from services.runtime.open_files import allow_open_files
logging.basicConfig(format="%(message)s", stream=sys.stdout)
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 400))
allow_open_files("live", int(sys.argv[1]))
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (300, ["300"]),
        (50, ["100"]),
        (
            9_000,
            ["this system allows live 400 open files, and it may need 9000; raise the limit with `ulimit -n`", "400"],
        ),
    ],
    ids=["raised", "enough already", "more than the system allows"],
)
def test_the_limit_is_raised_as_far_as_the_system_allows(number, said):
    ran = subprocess.run([sys.executable, "-c", ASK, str(number)], stdout=subprocess.PIPE, text=True, check=True)
    assert ran.stdout.splitlines() == said
