"""The manifests of deploy/kubernetes: they fit together, and the service can start with what it is given."""

import hashlib
import json
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from os import defpath
from pathlib import Path
from typing import Any
from uuid import uuid4

import kubernetes_validate
import pytest
import yaml
from prometheus_client import CollectorRegistry

from app.cli.db import db
from app.main import create_app
from app.process.draining import STOP_SECONDS
from app.settings import Settings, load
from providers.journal.postgres.settings import PostgresJournalSettings
from providers.journal.sqlite.settings import SqliteJournalSettings
from providers.mem0.health import PATIENCE
from providers.mem0.settings import Mem0Settings
from providers.native.embedded import EmbeddedServer
from providers.native.settings import NativeSettings
from providers.opensearch.settings import OpenSearchSettings
from providers.pinecone.settings import PineconeSettings
from tests.support.postgres import create_database, drop_database
from tests.support.service import ninai, running_service

Manifest = dict[str, Any]

DEPLOY = Path(__file__).parents[2] / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
OVERLAYS = sorted(folder.name for folder in (KUBERNETES / "overlays").iterdir())
FILES = sorted(file.relative_to(KUBERNETES).as_posix() for file in KUBERNETES.rglob("*") if file.is_file())
POSTGRES_CONNECTIONS = 100 - 3  # PostgreSQL's default, without those kept for superusers
RUN_SECONDS = 60.0
OLDEST, NEWEST = "1.27", "1.37"  # of the versions that the README names and the validator knows
BETWEEN = [f"1.{minor}" for minor in range(28, 37)]
# Objects of operators, which are in no schema of Kubernetes.
FOREIGN = {"ServiceMonitor", "Cluster"}

# By what kustomize tells the items of a list apart, where it merges lists instead of replacing them.
MERGED = {"containers": "name", "env": "name", "volumes": "name", "volumeMounts": "mountPath"}


def merged(base: Any, patch: Any) -> Any:  # noqa: ANN401 - any part of a manifest
    """What a strategic merge patch makes of a part of a manifest, as far as these patches use it."""
    if not isinstance(base, dict) or not isinstance(patch, dict):
        return patch
    result = dict(base)
    for field, value in patch.items():
        if value is None:
            result.pop(field, None)
        elif field in MERGED and field in base:
            name = MERGED[field]
            items = {item[name]: item for item in base[field]}
            result[field] = list((items | {one[name]: merged(items.get(one[name]), one) for one in value}).values())
        else:
            result[field] = merged(base.get(field), value)
    return result


def built(folder: Path, given: tuple[Manifest, ...] = (), components: tuple[Path, ...] = ()) -> list[Manifest]:
    """What `kubectl kustomize` prints for a folder; `given` is what a component is put on."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))
    found = list(given)
    for name in kustomization.get("resources", []):
        path = folder / name
        found += built(path) if path.is_dir() else list(yaml.safe_load_all(path.read_text("utf-8")))
    for generator in kustomization.get("configMapGenerator", []):
        metadata = {"name": generator["name"], "labels": generator["options"]["labels"]}
        data = {name: (folder / name).read_text("utf-8") for name in generator["files"]}
        found.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    for path in (*(folder / name for name in kustomization.get("components", [])), *components):
        found = built(path, tuple(found))
    for entry in kustomization.get("patches", []):
        patch = yaml.safe_load((folder / entry["path"]).read_text("utf-8"))
        target = (patch["kind"], patch["metadata"]["name"])
        assert target in {identity(one) for one in found}
        if patch.get("$patch") == "delete":
            found = [one for one in found if identity(one) != target]
        else:
            found = [merged(one, patch) if identity(one) == target else one for one in found]
    tags = {entry["name"]: entry["newTag"] for entry in kustomization.get("images", [])}
    for one in found:
        if "namespace" in kustomization:
            one["metadata"]["namespace"] = kustomization["namespace"]
        for container in containers_of(one):
            name, _, tag = container["image"].partition(":")
            container["image"] = f"{name}:{tags.get(name, tag)}"
    return found


def identity(manifest: Manifest) -> tuple[str, str]:
    """What tells manifests of one namespace apart."""
    return manifest["kind"], manifest["metadata"]["name"]


def pod_of(manifest: Manifest) -> Manifest:
    """The pod that it makes."""
    pod: Manifest = manifest["spec"]["template"]
    return pod


def containers_of(manifest: Manifest) -> list[Manifest]:
    """The containers that it makes, if any."""
    if manifest["kind"] not in {"Deployment", "Job"}:
        return []
    containers: list[Manifest] = pod_of(manifest)["spec"]["containers"]
    return containers


class Installation:
    """What an overlay makes, by kind and name."""

    def __init__(self, manifests: list[Manifest]) -> None:
        self.manifests = manifests
        self.by_identity = {identity(one): one for one in manifests}
        self.deployment = self.by_identity["Deployment", "ninai"]
        self.job = self.by_identity["Job", "ninai-migration"]
        self.pods = [pod_of(self.deployment), pod_of(self.job)]

    def of_kind(self, kind: str) -> list[Manifest]:
        """All of one kind."""
        return [one for one in self.manifests if one["kind"] == kind]

    def load(self, workload: Manifest, root: Path) -> Settings:
        """The settings that the service finds in its container."""
        return load(None, self.environment(workload, root)).settings

    def environment(self, workload: Manifest, root: Path) -> dict[str, str]:
        """What the container has in its environment, with its files put below `root`."""
        [container] = containers_of(workload)
        volumes = {volume["name"]: volume for volume in pod_of(workload)["spec"]["volumes"]}
        for mount in container["volumeMounts"]:
            folder = root / mount["mountPath"].lstrip("/")
            folder.mkdir(parents=True)
            volume = volumes[mount["name"]]
            for item in volume.get("secret", {}).get("items", []):
                # The Secrets of an operator all have the same keys.
                host = volume["secret"]["secretName"] if item["key"] == "uri" else item["key"]
                scheme = "https" if item["key"].endswith("-url") else "postgresql"
                (folder / item["path"]).write_text(f"{scheme}://u:p@{host}/ninai\n")
            if "configMap" in volume:
                publish(self.by_identity["ConfigMap", volume["configMap"]["name"]]["data"], folder)
        environ = of_the_image()
        for variable in container["env"]:
            if "valueFrom" in variable:
                key = variable["valueFrom"]["secretKeyRef"]["key"]
                environ[variable["name"]] = f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"
            else:
                value = variable["value"]
                environ[variable["name"]] = str(root) + value if value.startswith("/") else value
        return environ


def publish(data: Mapping[str, str], folder: Path) -> None:
    """Put a ConfigMap into a folder as the kubelet does: all of it at once, by a link to a folder with a new name."""
    version = folder / f"..{uuid4()}"
    version.mkdir()
    for name, text in data.items():
        (version / name).write_text(text)
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(Path("..data", name))
    link = folder / "..data_tmp"
    link.symlink_to(version.name)
    link.replace(folder / "..data")


def of_the_image() -> dict[str, str]:
    """The environment that the image sets."""
    [line] = re.findall(r"^ENV (.*)$", (DEPLOY / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    return dict(word.split("=", 1) for word in line.split())


def selects(selector: dict[str, str], labels: dict[str, str]) -> bool:
    """Whether a selector finds what has these labels."""
    return selector.items() <= labels.items()


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> str:
    """The name of each overlay in turn."""
    return str(request.param)


@pytest.fixture
def installation(overlay: str) -> Installation:
    """What each overlay makes."""
    return Installation(built(KUBERNETES / "overlays" / overlay))


def test_every_object_is_made_once(installation: Installation) -> None:
    """Nothing is there twice, and everything is in one namespace and has the name of the product as a label."""
    assert len(installation.by_identity) == len(installation.manifests)
    for one in installation.manifests:
        assert one["metadata"]["namespace"] == "ninai"
        assert one["metadata"]["labels"]["app.kubernetes.io/name"] == "ninai"


def test_no_file_holds_a_secret() -> None:
    """Neither passwords in URLs, nor keys, nor hashes of keys; and no Secret is made here."""
    for name in FILES:
        text = (KUBERNETES / name).read_text("utf-8")
        assert not re.search(r"://[^/\s:]+:[^/\s]+@|sk-\w{8}|sha256:[0-9a-f]{64}|ninai_[A-Za-z0-9]{16}", text), name
        if name.endswith(".yaml"):
            assert "Secret" not in {one.get("kind") for one in yaml.safe_load_all(text)}, name


def test_what_is_secret_comes_from_the_secret(installation: Installation) -> None:
    """From the one of the README and those of clusters of databases; what the Job does not need it does not get."""
    known = {"ninai", *(f"{one['metadata']['name']}-app" for one in installation.of_kind("Cluster"))}
    for pod in installation.pods:
        for volume in pod["spec"]["volumes"]:
            assert volume.get("secret", {"secretName": "ninai"})["secretName"] in known
        for variable in pod["spec"]["containers"][0]["env"]:
            assert not re.search(r"(DSN|HASH|API_KEY|SECRET)$", variable["name"]) or "valueFrom" in variable
    [of_the_job] = [volume for volume in pod_of(installation.job)["spec"]["volumes"] if "secret" in volume]
    assert {item["path"] for item in of_the_job["secret"]["items"]} <= {"native-dsn", "database-ca"}


def test_the_service_can_start(installation: Installation, overlay: str, tmp_path: Path) -> None:
    """Its own loader takes the file, the environment and the secrets that the pod has."""
    settings = installation.load(installation.deployment, tmp_path)

    home = settings.providers[settings.order[0]]
    assert isinstance(home, NativeSettings)
    assert home.dsn is not None
    assert home.dsn.reveal().endswith(("@native-dsn/ninai", "@ninai-home-app/ninai"))
    assert {name: key.scopes for name, key in settings.auth.keys.items()} == {
        "agent": ["memory"],
        "operator": ["admin"],
    }
    assert settings.server.workers == 1
    if overlay == "single":
        assert settings.order == ["native"]
        assert settings.journal == SqliteJournalSettings()
        assert str(settings.data_dir) == "/data"
    else:
        assert isinstance(settings.journal, PostgresJournalSettings)
        assert settings.journal.dsn.reveal().endswith(("@journal-dsn/ninai", "@ninai-journal-app/ninai"))
        assert settings.journal.dsn != home.dsn
        assert settings.journal.pooler == "none"
    if overlay == "production":
        mem0 = settings.providers["mem0"]
        assert settings.order == ["native", "mem0"]
        assert isinstance(mem0, Mem0Settings)
        assert mem0.api_key is not None
        assert "mem0-api-key" in mem0.api_key.reveal()


def test_a_single_replica_can_have_mem0_as_well(tmp_path: Path) -> None:
    """With what is ready to be uncommented, in the file and in the kustomization."""
    folder = KUBERNETES / "overlays" / "single"
    commented = (folder / "kustomization.yaml").read_text("utf-8")
    [component] = yaml.safe_load("\n".join(re.findall(r"^#(\S.*|  - .*)$", commented, re.MULTILINE)))["components"]
    installation = Installation(built(folder, components=(folder / component,)))
    data = installation.by_identity["ConfigMap", "ninai"]["data"]
    text = re.sub(r"^#(?=\S)", "", data["ninai.toml"], flags=re.MULTILINE)
    data["ninai.toml"] = re.sub(r"^order = .*: (\[.*\])$", r"order = \1", text, flags=re.MULTILINE)

    settings = installation.load(installation.deployment, tmp_path)

    mem0 = settings.providers["mem0"]
    assert settings.order == ["native", "mem0"]
    assert isinstance(mem0, Mem0Settings)
    assert mem0.api_key is not None


def test_a_single_replica_can_have_an_opensearch_as_well(tmp_path: Path) -> None:
    """With its component and a table; user and password come from the Secret, and the way there is open."""
    folder = KUBERNETES / "overlays" / "single"
    installation = Installation(built(folder, components=(KUBERNETES / "components" / "opensearch",)))
    data = installation.by_identity["ConfigMap", "ninai"]["data"]
    data["ninai.toml"] += '\n[providers.opensearch]\nkind = "opensearch"\n'

    opensearch = installation.load(installation.deployment, tmp_path).providers["opensearch"]
    way = installation.by_identity["NetworkPolicy", "ninai-to-opensearch"]["spec"]["egress"]

    assert isinstance(opensearch, OpenSearchSettings)
    assert "opensearch-url" in opensearch.url.reveal()
    assert [port["port"] for rule in way for port in rule["ports"]] == [9200]


def test_a_single_replica_can_have_a_pinecone_as_well(tmp_path: Path) -> None:
    """With its component and a table; the key comes from the Secret, and the way to the internet is open, for TLS."""
    folder = KUBERNETES / "overlays" / "single"
    installation = Installation(built(folder, components=(KUBERNETES / "components" / "pinecone",)))
    data = installation.by_identity["ConfigMap", "ninai"]["data"]
    data["ninai.toml"] += '\n[providers.pinecone]\nkind = "pinecone"\n'

    pinecone = installation.load(installation.deployment, tmp_path).providers["pinecone"]
    way = installation.by_identity["NetworkPolicy", "ninai-to-pinecone"]["spec"]["egress"]

    assert isinstance(pinecone, PineconeSettings)
    assert pinecone.api_key is not None
    assert "pinecone-key" in pinecone.api_key.reveal()
    assert [port["port"] for rule in way for port in rule["ports"]] == [443]


def test_the_migration_is_left_to_the_job(installation: Installation, tmp_path: Path) -> None:
    """The service does not migrate, and the Job has what it needs to, in an image of the same version."""
    service = installation.load(installation.deployment, tmp_path / "service").providers["native"]
    job = installation.load(installation.job, tmp_path / "job").providers["native"]

    assert isinstance(service, NativeSettings)
    assert isinstance(job, NativeSettings)
    assert (service.migrate, job.dsn) == (False, service.dsn)
    [container], [other] = containers_of(installation.job), containers_of(installation.deployment)
    assert container["image"] == other["image"]
    assert container["args"] == ["db", "upgrade"]
    assert "upgrade" in db.commands


def test_images_have_a_version_and_no_registry(installation: Installation) -> None:
    """What runs tomorrow is what was tried today."""
    for one in installation.manifests:
        for container in containers_of(one):
            assert re.fullmatch(r"[a-z0-9-]+:\d+\.\d+\.\d+", container["image"])


def test_volumes_and_mounts_fit_together(installation: Installation) -> None:
    """Whatever is mounted exists, and the configuration is mounted as a folder, or no change of it would be seen."""
    for pod in installation.pods:
        [container] = pod["spec"]["containers"]
        volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes)
        assert not any("subPath" in mount for mount in container["volumeMounts"])
        for volume in volumes.values():
            assert len(volume) == 2
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in installation.by_identity
            if "persistentVolumeClaim" in volume:
                claim = volume["persistentVolumeClaim"]["claimName"]
                assert ("PersistentVolumeClaim", claim) in installation.by_identity


def test_a_changed_configuration_replaces_no_pod(overlay: str) -> None:
    """The ConfigMap keeps its name, so that running services take the change over."""
    kustomization = yaml.safe_load((KUBERNETES / "overlays" / overlay / "kustomization.yaml").read_text("utf-8"))

    [generator] = kustomization["configMapGenerator"]
    assert generator["options"]["disableNameSuffixHash"] is True


def test_selectors_find_the_server(installation: Installation) -> None:
    """Traffic, budgets and scaling are about the server's pods, never about the migration's."""
    server, migration = (pod["metadata"]["labels"] for pod in installation.pods)
    selectors = [one["spec"]["selector"] for one in installation.of_kind("Service")]
    selectors += [one["spec"]["selector"]["matchLabels"] for one in installation.of_kind("PodDisruptionBudget")]
    selectors.append(installation.deployment["spec"]["selector"]["matchLabels"])
    spread = pod_of(installation.deployment)["spec"]["topologySpreadConstraints"]
    selectors += [one["labelSelector"]["matchLabels"] for one in spread]

    for selector in selectors:
        assert selects(selector, server)
        assert not selects(selector, migration)
    for scaler in installation.of_kind("HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        assert (target["kind"], target["name"]) == identity(installation.deployment)


def test_ports_lead_to_the_service(installation: Installation, tmp_path: Path) -> None:
    """From a Service to a port by name, and from there to where the service listens."""
    settings = installation.load(installation.deployment, tmp_path)
    ports = {port["name"]: port["containerPort"] for port in containers_of(installation.deployment)[0]["ports"]}

    assert ports == {"http": settings.server.port, "admin": settings.admin.port}
    assert settings.server.host == settings.admin.host == "0.0.0.0"  # noqa: S104 - in a container
    targets = [port["targetPort"] for one in installation.of_kind("Service") for port in one["spec"]["ports"]]
    assert sorted(targets) == sorted(ports)


def test_prometheus_finds_the_metrics(installation: Installation) -> None:
    """By a Service that a ServiceMonitor finds, on a port that Prometheus is let in to."""
    for monitor in installation.of_kind("ServiceMonitor"):
        selector = monitor["spec"]["selector"]["matchLabels"]
        [service] = [one for one in installation.of_kind("Service") if selects(selector, one["metadata"]["labels"])]
        [endpoint] = monitor["spec"]["endpoints"]
        [port] = service["spec"]["ports"]
        assert endpoint["port"] == port["name"]
        assert endpoint["path"] in routes()
        assert service["metadata"]["labels"][monitor["spec"]["jobLabel"]] == "ninai"
        ingress = installation.by_identity["NetworkPolicy", "ninai"]["spec"]["ingress"]
        assert port["targetPort"] in {port["port"] for rule in ingress for port in rule["ports"]}


def routes() -> set[str]:
    """Every path of the service."""
    return {route.path for route in create_app(Settings(), CollectorRegistry()).routes}


def test_probes_ask_what_there_is(installation: Installation, tmp_path: Path) -> None:
    """Their paths exist; and readiness waits for providers to say that they are down."""
    [container] = containers_of(installation.deployment)
    probes = {name: container[f"{name}Probe"] for name in ("startup", "liveness", "readiness")}
    settings = installation.load(installation.deployment, tmp_path)

    assert {name: probe["httpGet"]["path"] for name, probe in probes.items()} == {
        "startup": "/livez",
        "liveness": "/livez",
        "readiness": "/readyz",
    }
    assert {probe["httpGet"]["path"] for probe in probes.values()} <= routes()
    assert {probe["httpGet"]["port"] for probe in probes.values()} == {"http"}
    patience = [one.timeout for one in settings.providers.values() if isinstance(one, NativeSettings)]
    assert probes["readiness"]["timeoutSeconds"] > max(*patience, PATIENCE) + 1
    assert probes["startup"]["periodSeconds"] * probes["startup"]["failureThreshold"] >= 60


def test_a_pod_is_given_the_time_to_drain(installation: Installation, tmp_path: Path) -> None:
    """Until no new connection comes, then until those that are kept have ended, then for requests, then to close."""
    pod = pod_of(installation.deployment)["spec"]
    command, seconds = pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    drain = installation.load(installation.deployment, tmp_path).server.drain

    assert (command, drain) == ("sleep", 10)
    assert pod["terminationGracePeriodSeconds"] >= int(seconds) + drain + STOP_SECONDS + 10


def test_pods_keep_to_the_restricted_standard(installation: Installation) -> None:
    """An ordinary user, the image's, who can write nowhere but where a volume is, and knows nothing of the cluster."""
    [uid] = re.findall(r"^USER (\d+)$", (DEPLOY / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    for pod in installation.pods:
        context = pod["spec"]["securityContext"]
        assert (context["runAsNonRoot"], str(context["runAsUser"])) == (True, uid)
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["spec"]["automountServiceAccountToken"] is False
        assert ("ServiceAccount", pod["spec"]["serviceAccountName"]) in installation.by_identity
        [container] = pod["spec"]["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"cpu", "memory"} == set(container["resources"]["requests"])
        assert "memory" in container["resources"]["limits"]
    data = next(mount for mount in containers_of(installation.deployment)[0]["volumeMounts"] if mount["name"] == "data")
    assert data["mountPath"] == of_the_image()["NINAI__DATA_DIR"]


@pytest.mark.parametrize(("several", "least"), [("production", 3), ("external-postgresql", 2), ("cloudnative-pg", 2)])
def test_several_replicas_fit_into_the_databases(several: str, least: int, tmp_path: Path) -> None:
    """Also while one is being replaced, and the Job runs; and the autoscaler alone says how many there are."""
    installation = Installation(built(KUBERNETES / "overlays" / several))
    settings = installation.load(installation.deployment, tmp_path)
    [scaler] = installation.of_kind("HorizontalPodAutoscaler")
    surge = installation.deployment["spec"]["strategy"]["rollingUpdate"]["maxSurge"]
    replicas = scaler["spec"]["maxReplicas"] + surge
    native = settings.providers["native"]

    assert scaler["spec"]["minReplicas"] == least
    assert "replicas" not in installation.deployment["spec"]
    assert isinstance(native, NativeSettings)
    assert isinstance(settings.journal, PostgresJournalSettings)
    assert replicas * native.pool_size + 1 <= POSTGRES_CONNECTIONS
    assert replicas * (settings.journal.pool_size + 1) <= POSTGRES_CONNECTIONS


def test_a_single_replica_has_its_journal_to_itself() -> None:
    """Never two pods at once, nothing that scales it, and nothing that holds its node."""
    installation = Installation(built(KUBERNETES / "overlays" / "single"))

    assert installation.deployment["spec"]["replicas"] == 1
    assert installation.deployment["spec"]["strategy"] == {"type": "Recreate"}
    assert installation.of_kind("HorizontalPodAutoscaler") == installation.of_kind("PodDisruptionBudget") == []
    volumes = {volume["name"]: volume for volume in pod_of(installation.deployment)["spec"]["volumes"]}
    assert volumes["data"] == {"name": "data", "persistentVolumeClaim": {"claimName": "ninai-data"}}


def test_the_network_lets_through_what_is_needed_alone(
    installation: Installation, overlay: str, tmp_path: Path
) -> None:
    """Home for both; the journal and mem0 for the server, where it has them; DNS; nothing without a target."""
    settings = installation.load(installation.deployment, tmp_path)
    targets: dict[str, set[tuple[str, int]]] = {"server": set(), "migration": set()}
    for policy in installation.of_kind("NetworkPolicy"):
        component = policy["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
        for rule in policy["spec"]["egress"]:
            for peer in rule["to"]:
                labels = peer.get("podSelector", {"matchLabels": {"cnpg.io/cluster": "outside"}})["matchLabels"]
                named = ("cnpg.io/cluster", "app.kubernetes.io/instance", "app.kubernetes.io/name")
                name = next((labels[label] for label in named if label in labels), "dns")
                targets[component] |= {(name, port["port"]) for port in rule["ports"]}
        assert all(rule["from"] for rule in policy["spec"].get("ingress", []))

    expected = {("ninai-home", 5432), ("dns", 53)}
    if overlay == "external-postgresql":
        expected.add(("outside", 5432))
    assert targets["migration"] == expected
    if isinstance(settings.journal, PostgresJournalSettings) and overlay != "external-postgresql":
        expected.add(("ninai-journal", 5432))
    if isinstance(mem0 := settings.providers.get("mem0"), Mem0Settings):
        expected.add(("mem0", int(mem0.base_url.rpartition(":")[2])))
    assert targets["server"] == expected


@pytest.mark.soak
async def test_a_replica_lives_as_the_manifests_say(
    postgres_server: EmbeddedServer, installation: Installation, tmp_path: Path
) -> None:
    """The Job makes the schema; the service runs on it, takes a new ConfigMap over, and stops when it is told.

    A mem0 that cannot be reached keeps nobody from starting.
    """
    dsns = {
        key: await create_database(postgres_server, "template1") for key in ("ninai/native-dsn", "ninai-journal/dsn")
    }
    of_this_machine = {
        "NINAI__SERVER__HOST": "127.0.0.1",
        "NINAI__ADMIN__HOST": "127.0.0.1",
        "NINAI__ADMIN__PORT": str(free_port()),
        "PATH": defpath,
    }
    of_the_job = installation.environment(installation.job, tmp_path / "job") | {"PATH": defpath}
    of_the_pod = installation.environment(installation.deployment, tmp_path / "pod") | of_this_machine
    replace_secrets(tmp_path, dsns)

    assert ninai("db", "upgrade", **of_the_job).returncode == 0
    with running_service(tmp_path, of_the_pod) as service:
        data = installation.by_identity["ConfigMap", "ninai"]["data"]
        publish({"ninai.toml": "recall_limit = 7\n" + data["ninai.toml"]}, tmp_path / "pod/etc/ninai")
        wait_until(lambda: '"configuration_in_force"' in service.said())
        assert '"changed":["recall_limit"]' in service.said()
        began = time.monotonic()
        assert service.terminate() == 0
        assert time.monotonic() - began < pod_of(installation.deployment)["spec"]["terminationGracePeriodSeconds"]
    for dsn in dsns.values():
        await drop_database(postgres_server, dsn)


def replace_secrets(root: Path, secrets: Mapping[str, str]) -> None:
    """Put other values into the files of secrets in every container below `root`."""
    for name, value in secrets.items():
        for file in root.glob(f"*/run/secrets/{name}"):
            file.write_text(value)


def wait_until(condition: Callable[[], bool]) -> None:
    """Give it a while to become true."""
    deadline = time.monotonic() + RUN_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def test_the_rules_of_prometheus_become_objects() -> None:
    """Each file whole, and nothing else."""
    folder = DEPLOY / "prometheus"
    files = sorted(folder.glob("*.yaml"))
    if not files:
        pytest.skip("there are no rules")
    printed = run(KUBERNETES / "prometheus-rules.sh")

    objects = list(yaml.safe_load_all(printed))
    assert [one["spec"] for one in objects] == [yaml.safe_load(file.read_text("utf-8")) for file in files]
    assert [identity(one) for one in objects] == [("PrometheusRule", f"ninai-{file.stem}") for file in files]


@pytest.mark.thorough
def test_kubectl_builds_the_same(installation: Installation, overlay: str) -> None:
    """What these tests look at is what kustomize makes."""
    real = list(yaml.safe_load_all(run(needed("kubectl"), "kustomize", KUBERNETES / "overlays" / overlay)))

    assert comparable(real) == comparable(installation.manifests)


@pytest.mark.parametrize(
    "version", [OLDEST, *(pytest.param(one, marks=pytest.mark.thorough) for one in BETWEEN), NEWEST]
)
def test_every_object_keeps_to_the_schemas_of_kubernetes(installation: Installation, version: str) -> None:
    """No field is misspelt or missing, and none has a value of another type, in any version that is promised."""
    for one in installation.manifests:
        if one["kind"] not in FOREIGN:
            kubernetes_validate.validate(one, version, strict=True)


def test_the_versions_that_are_promised_are_those_that_were_tried() -> None:
    """The README names the oldest one, and the validator knows none after the newest."""
    assert f"for Kubernetes {OLDEST} and newer" in (KUBERNETES / "README.md").read_text("utf-8")
    assert kubernetes_validate.latest_version() == f"{NEWEST}.0"


def test_a_cluster_of_databases_is_what_the_service_asks_for() -> None:
    """Home has the extension, the journal waits for a standby, and each has a Secret and a way to it."""
    installation = Installation(built(KUBERNETES / "overlays" / "cloudnative-pg"))
    clusters = {one["metadata"]["name"]: one["spec"] for one in installation.of_kind("Cluster")}

    assert set(clusters) == {"ninai-home", "ninai-journal"}
    assert clusters["ninai-home"]["bootstrap"]["initdb"]["postInitApplicationSQL"] == ["CREATE EXTENSION vector"]
    assert clusters["ninai-journal"]["postgresql"]["synchronous"] == {"method": "any", "number": 1}
    volumes = {volume["name"]: volume for volume in pod_of(installation.deployment)["spec"]["volumes"]}
    assert volumes["secrets"]["secret"]["secretName"] == "ninai-home-app"
    assert volumes["journal-secrets"]["secret"]["secretName"] == "ninai-journal-app"


def test_certificates_of_databases_outside_are_checked(tmp_path: Path) -> None:
    """By the authority in the Secret, which the service and the Job find where they are told."""
    installation = Installation(built(KUBERNETES / "overlays" / "external-postgresql"))

    for number, workload in enumerate((installation.deployment, installation.job)):
        environ = installation.environment(workload, tmp_path / str(number))
        assert Path(environ["PGSSLROOTCERT"]).is_file()
    assert "sslmode=verify-full" in (KUBERNETES / "README.md").read_text("utf-8")


def needed(program: str) -> str:
    """The path of a program, which not every machine has."""
    path = shutil.which(program) or shutil.which(program, path=str(Path(sys.executable).parent))
    if path is None:
        pytest.skip(f"there is no {program}")
    return path


def run(*command: str | Path) -> str:
    """What a program prints; it must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_SECONDS, check=False)  # noqa: S603 - ours, or found above
    assert done.returncode == 0, done.stderr or done.stdout
    return done.stdout


def comparable(manifests: list[Manifest]) -> list[str]:
    """Manifests as text, without the order of what has none."""
    return sorted(json.dumps(sorted_lists(one), sort_keys=True) for one in manifests)


def sorted_lists(part: Any) -> Any:  # noqa: ANN401 - any part of a manifest
    """The same with the items of all lists in one order."""
    if isinstance(part, dict):
        return {name: sorted_lists(value) for name, value in part.items()}
    if isinstance(part, list):
        return sorted((sorted_lists(item) for item in part), key=lambda item: json.dumps(item, sort_keys=True))
    return part


def test_every_file_is_part_of_something() -> None:
    """No manifest is left out by mistake."""
    assert set(FILES) - set(used()) == {"README.md", "prometheus-rules.sh"}


def used() -> Iterator[str]:
    """Every file that a kustomization names, and the kustomizations."""
    for path in KUBERNETES.rglob("kustomization.yaml"):
        kustomization = yaml.safe_load(path.read_text("utf-8"))
        names = ["kustomization.yaml", *kustomization.get("resources", [])]
        names += [entry["path"] for entry in kustomization.get("patches", [])]
        names += [name for entry in kustomization.get("configMapGenerator", []) for name in entry["files"]]
        yield from ((path.parent / name).resolve().relative_to(KUBERNETES).as_posix() for name in names)
