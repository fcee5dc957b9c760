"""The component of deploy/kubernetes that puts HAProxy before replicas: it fits to an overlay of several of them."""

import re
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.deploy.test_kubernetes import FOREIGN, KUBERNETES, NEWEST, OLDEST, Installation, built, identity, selects
from tests.support.haproxy import BY_USER, HAPROXY, needs_haproxy
from tests.support.service import environment

COMPONENT = KUBERNETES / "components" / "by-user"
OF_VERSION_3 = "default-server hash-key addr"  # which older ones do not know
OF_ITS_OWN = ("bind", "server", "presetenv")  # how pods are found, instead of addresses


@pytest.fixture(scope="module")
def installation() -> Installation:
    """What three or more replicas with the component are."""
    return Installation(built(KUBERNETES / "overlays" / "production", components=(COMPONENT,)))


def config(installation: Installation) -> str:
    """The configuration of HAProxy."""
    return str(installation.by_identity["ConfigMap", "ninai-by-user"]["data"]["haproxy.cfg"])


def directives(text: str) -> list[str]:
    """What a configuration says, without comments, and without what each of the two says in its own way."""
    lines = [re.sub(r"\s+", " ", line).strip() for line in text.splitlines()]
    backend = lines[lines.index("defaults") :]
    return [line for line in backend if line and not line.startswith(("#", *OF_ITS_OWN)) and line != OF_VERSION_3]


def test_it_balances_as_the_file_for_hosts_does(installation: Installation) -> None:
    """All but how the replicas are found is the same, so that what holds for one of them holds for both."""
    assert directives(config(installation)) == directives(BY_USER.read_text("utf-8"))


@needs_haproxy
def test_haproxy_takes_the_configuration(installation: Installation, tmp_path: Path) -> None:
    """Without the one directive that only the version of the image knows."""
    assert HAPROXY is not None
    file = tmp_path / "haproxy.cfg"
    file.write_text(config(installation).replace(OF_VERSION_3, ""))

    done = subprocess.run(  # noqa: S603 - what was found, with our own file
        [HAPROXY, "-c", "-f", file], env=environment(), capture_output=True, text=True, check=False
    )

    assert (done.returncode, "WARNING" in done.stderr) == (0, False), done.stderr


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_its_objects_keep_to_the_schemas(installation: Installation, version: str) -> None:
    """No field is misspelt, in the oldest and the newest version that are promised."""
    for one in installation.manifests:
        if one["kind"] not in FOREIGN:
            kubernetes_validate.validate(one, version, strict=True)
    assert len({identity(one) for one in installation.manifests}) == len(installation.manifests)


def test_ways_lead_from_callers_to_replicas(installation: Installation) -> None:
    """From its Service to HAProxy, from there by the name in the configuration to each replica, and nowhere else."""
    deployment = installation.by_identity["Deployment", "ninai-by-user"]
    balancer = deployment["spec"]["template"]["metadata"]["labels"]
    server = installation.deployment["spec"]["template"]["metadata"]["labels"]
    front, pods = (installation.by_identity["Service", name] for name in ("ninai-by-user", "ninai-pods"))
    [template] = re.findall(r"server-template \w+ (\d+) ([\w-]+):(\d+)", config(installation))
    [scaler] = installation.of_kind("HorizontalPodAutoscaler")

    assert selects(front["spec"]["selector"], balancer)
    assert not selects(front["spec"]["selector"], server)
    assert selects(pods["spec"]["selector"], server)
    assert pods["spec"]["clusterIP"] == "None"
    assert template[1:] == ("ninai-pods", str(pods["spec"]["ports"][0]["port"]))
    assert int(template[0]) > scaler["spec"]["maxReplicas"]
    assert egress_of(installation, "ninai-by-user") == [(server["app.kubernetes.io/component"], 8000), ("dns", 53)]
    [rule] = installation.by_identity["NetworkPolicy", "ninai-from-balancer"]["spec"]["ingress"]
    assert selects(rule["from"][0]["podSelector"]["matchLabels"], balancer)


def egress_of(installation: Installation, name: str) -> list[tuple[str, int]]:
    """To whom a policy lets its pods connect, at which port."""
    rules: list[dict[str, Any]] = installation.by_identity["NetworkPolicy", name]["spec"]["egress"]
    return [
        (
            rule["to"][0]["podSelector"]["matchLabels"].get("app.kubernetes.io/component", "dns"),
            rule["ports"][0]["port"],
        )
        for rule in rules
    ]


def test_the_pods_keep_to_the_restricted_standard(installation: Installation) -> None:
    """As those of the service do, each with a configuration that is there."""
    [pod] = yaml.safe_load_all(
        yaml.safe_dump(installation.by_identity["Deployment", "ninai-by-user"]["spec"]["template"])
    )
    [container] = pod["spec"]["containers"]

    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert re.fullmatch(r"haproxy:3\.\d+\.\d+", container["image"])
    [volume] = pod["spec"]["volumes"]
    assert ("ConfigMap", volume["configMap"]["name"]) in installation.by_identity
