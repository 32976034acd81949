"""What people do with the management packages of Azure, against the control plane of a bootstrap file."""
import json
import sys

import azure.mgmt.hybridkubernetes as kubernetes
import azure.mgmt.kubernetesconfiguration.fluxconfigurations as flux
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import CertificateCredential, ClientSecretCredential
from azure.mgmt.kubernetesconfiguration import SourceControlConfigurationClient

hub = json.load(open(sys.argv[1]))
subscription = hub["subscriptionId"]
credential = ClientSecretCredential(
    hub["tenantId"], hub["clientId"], hub["clientSecret"], authority=hub["endpoint"], disable_instance_discovery=True
)
where = {"base_url": hub["endpoint"], "credential_scopes": [hub["endpoint"] + "/.default"]}
PARENT = ("shops", "Microsoft.Kubernetes", "connectedClusters", "north")


def client(module):
    return next(getattr(module, name) for name in dir(module) if name.endswith("Client"))(credential, subscription, **where)


clusters = client(kubernetes).connected_cluster
body = {
    "location": "here",
    "identity": {"type": "SystemAssigned"},
    "properties": {"agentPublicKeyCertificate": "MII="},
    "tags": {"a": "b"},
}
create = getattr(clusters, "begin_create_or_replace", None) or clusters.begin_create
made = create("shops", "north", body).result()
assert (made.name, made.tags, made.connectivity_status) == ("north", {"a": "b"}, "Connecting"), made
assert [one.name for one in clusters.list_by_resource_group("shops")] == ["north"]
assert [one.name for one in clusters.list_by_subscription()] == ["north"]

for version in ["2021-03-01", "2022-03-01", "2023-05-01"]:
    old = SourceControlConfigurationClient(credential, subscription, api_version=version, **where)
    configurations = old.source_control_configurations
    wanted = {
        "repository_url": "https://git.example.org/app",
        "operator_namespace": "app",
        "operator_instance_name": "app",
        "operator_params": "--git-branch main",
        "operator_scope": "namespace",
    }
    stored = configurations.create_or_update(*PARENT, "app", wanted)
    assert (stored.provisioning_state, stored.compliance_status.compliance_state) == ("Succeeded", "Pending"), stored
    assert [one.name for one in configurations.list(*PARENT)] == ["app"]
    configurations.begin_delete(*PARENT, "app").result()
    assert list(configurations.list(*PARENT)) == []

configurations = client(flux).flux_configurations
wanted = {
    "properties": {
        "namespace": "web",
        "gitRepository": {"url": "https://git.example.org/web", "httpsUser": "me", "repositoryRef": {"branch": "main"}},
        "kustomizations": {"app": {"path": "app", "prune": True}},
        "configurationProtectedSettings": {"httpsKey": "c2VjcmV0"},
    }
}
stored = configurations.begin_create_or_update(*PARENT, "web", wanted).result()
assert stored.as_dict()["properties"]["configurationProtectedSettings"] == {}, stored
changed = configurations.begin_update(*PARENT, "web", {"properties": {"suspend": True}}).result()
assert changed.as_dict()["properties"]["suspend"] is True, changed
assert [one.name for one in configurations.list(*PARENT)] == ["web"]
try:
    configurations.begin_create_or_update(*PARENT, "bad", {"properties": {"gitRepository": {"url": "nonsense"}}}).result()
    raise AssertionError("it was taken")
except HttpResponseError as error:
    assert error.error.code == "InvalidRequestContent", error
configurations.begin_delete(*PARENT, "web").result()
assert list(configurations.list(*PARENT)) == []

clusters.begin_delete("shops", "north").result()
try:
    clusters.get("shops", "north")
    raise AssertionError("it is still there")
except ResourceNotFoundError as error:
    assert error.error.code == "ResourceNotFound", error
# Somebody who signs in by certificate, if a credential and a file with key and certificate are given.
if len(sys.argv) > 3:
    robot = json.load(open(sys.argv[2]))
    credential = CertificateCredential(
        robot["tenantId"], robot["clientId"], sys.argv[3], authority=robot["endpoint"], disable_instance_discovery=True
    )
    clusters = client(kubernetes).connected_cluster
    (getattr(clusters, "begin_create_or_replace", None) or clusters.begin_create)("shops", "south", body).result()
    assert list(clusters.list_by_resource_group("shops")), "the robot is an owner"
    # Another audience, for which the client sends the same assertion again.
    assert credential.get_token("https://management.azure.com/.default").token
print("all done")
