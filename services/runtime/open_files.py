"""The limit of open files, which is 1,024 in many shells: each connection of a service is one."""

import logging
import resource

log = logging.getLogger(__name__)


def allow_open_files(service: str, number: int) -> None:
    """Raise this process's limit to `number`, or as near to that as the system allows, which is then logged."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < number:
        allowed = number if hard == resource.RLIM_INFINITY else min(number, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        if allowed < number:
            log.warning(
                "this system allows %s %d open files, and it may need %d; raise the limit with `ulimit -n`",
                service,
                allowed,
                number,
            )
