"""A module-level `app`, for tools that want one: `faust -A services.scoring.worker worker`."""

import os

from services.scoring.app import create_app
from services.scoring.settings import settings_from

app = create_app(settings_from(os.environ))
