"""Topics and users as objects of the Strimzi operator: `python -m tests.deploy.strimzi_objects` writes them.

They are those of `schemas/topics.py` and of the table of least rights in deploy/topics.md.
"""

from pathlib import Path
from typing import Any

import yaml

from schemas.topics import RACE_LOG, TOPICS
from services.runtime.topics_admin import durable_settings
from tests.deploy.least_rights import least_rights, topic_rights

DEPLOY = Path(__file__).parents[2] / "deploy"
FOLDER = DEPLOY / "strimzi"
CLUSTER = {"strimzi.io/cluster": "kafka"}
PARTITIONS, REPLICAS = 12, 3

HEADS = {
    "topics.yaml": """\
# The topics, in place of the job in ../kubernetes/topics.yaml, with as many partitions as config.yaml there says: their
# number cannot be changed. Made from schemas/topics.py by `make manifests`.
""",
    "users.yaml": """\
# A user for each service, with the rights of deploy/topics.md and no others; Strimzi makes a secret of its name with
# its password. `readers` runs as matline-ingest; matline-office is for the commands. Made by `make manifests`.
""",
}


def topic_objects() -> list[dict[str, Any]]:
    """Return the four topics."""
    return [
        {
            "apiVersion": "kafka.strimzi.io/v1",
            "kind": "KafkaTopic",
            "metadata": {"name": topic.name, "namespace": "matline", "labels": dict(CLUSTER)},
            "spec": {
                "partitions": PARTITIONS if topic.partitioned else 1,
                "replicas": REPLICAS,
                "config": {**topic.config, **(durable_settings(REPLICAS) if topic is RACE_LOG else {})},
            },
        }
        for topic in TOPICS
    ]


def user_objects() -> list[dict[str, Any]]:
    """Return a user for each row of the table of rights."""
    return [_user(name, topic_rights(words), group) for name, (words, group) in least_rights().items()]


def _user(name: str, topics: dict[str, list[str]], group: str) -> dict[str, Any]:
    acls = [_rule("topic", topic, operations) for topic, operations in topics.items()]
    acls += [_rule("group", group, ["Read"])] if group else []
    return {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "KafkaUser",
        "metadata": {"name": f"matline-{name}", "namespace": "matline", "labels": dict(CLUSTER)},
        "spec": {
            "authentication": {"type": "scram-sha-512"},
            "authorization": {"type": "simple", "acls": acls},
        },
    }


def _rule(kind: str, name: str, operations: list[str]) -> dict[str, Any]:
    return {"resource": {"type": kind, "name": name, "patternType": "literal"}, "operations": operations}


def texts() -> dict[str, str]:
    """Return the files as they ought to be."""
    objects = {"topics.yaml": topic_objects(), "users.yaml": user_objects()}
    return {name: HEADS[name] + yaml.safe_dump_all(made, sort_keys=False, width=110) for name, made in objects.items()}


if __name__ == "__main__":
    for file, text in texts().items():
        (FOLDER / file).write_text(text)
