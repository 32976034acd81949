//! The definitions of the kinds that the two controllers need.
//!
//! Each states the fields that this engine writes, and what the controllers take for granted to have been filled in;
//! anything else of a kind is kept as it is written.
use super::{KUSTOMIZE_GROUP, SOURCE_GROUP, object};
use crate::{model::Manifest, plan::PRUNE_ANNOTATION};
use serde_json::{Map, Value, json};

/// A kind, and what its definition says.
struct Kind {
    group: &'static str,
    kind: &'static str,
    plural: &'static str,
    short: &'static [&'static str],
    /// Fields of its spec.
    fields: Value,
    required: &'static [&'static str],
    /// Further columns: name and path.
    columns: &'static [(&'static str, &'static str)],
}

/// The definitions, in a fixed order. They ask not to be pruned: with them would go every object of theirs.
pub fn definitions() -> Vec<Manifest> {
    [git_repository(), oci_repository(), bucket(), helm_repository(), helm_chart(), kustomization()]
        .iter()
        .map(definition)
        .collect()
}

fn definition(kind: &Kind) -> Manifest {
    let singular = kind.kind.to_lowercase();
    let mut spec = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    spec["properties"] = kind.fields.clone();
    spec["required"] = json!(kind.required);
    let status = json!({
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": true,
        // Not ready until a controller has looked at it.
        "default": {"observedGeneration": -1},
        "properties": {"observedGeneration": {"type": "integer", "format": "int64"}, "conditions": conditions()},
    });
    let schema = json!({
        "type": "object",
        "properties": {
            "apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"},
            "spec": spec, "status": status,
        },
    });
    let version = json!({
        "name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
        "additionalPrinterColumns": columns(kind), "schema": {"openAPIV3Schema": schema},
    });
    let spec = json!({
        "group": kind.group,
        "names": {
            "kind": kind.kind, "listKind": format!("{}List", kind.kind), "plural": kind.plural, "singular": singular,
            "shortNames": kind.short, "categories": ["fluxcd"],
        },
        "scope": "Namespaced",
        "versions": [version],
    });
    let name = format!("{}.{}", kind.plural, kind.group);
    let metadata = json!({"name": name, "annotations": {PRUNE_ANNOTATION: "disabled"}});
    object("apiextensions.k8s.io/v1", "CustomResourceDefinition", metadata, json!({"spec": spec}))
}

fn columns(kind: &Kind) -> Value {
    let condition = |field: &str| format!(".status.conditions[?(@.type==\"Ready\")].{field}");
    let text = |name: &str, path: String| json!({"name": name, "type": "string", "jsonPath": path});
    let mut all: Vec<Value> = kind.columns.iter().map(|(name, path)| text(name, (*path).to_owned())).collect();
    all.push(json!({"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}));
    all.push(text("Ready", condition("status")));
    all.push(text("Status", condition("message")));
    json!(all)
}

fn conditions() -> Value {
    let texts = ["type", "status", "reason", "message", "lastTransitionTime"];
    let mut properties: Map<String, Value> =
        texts.into_iter().map(|name| (name.to_owned(), json!({"type": "string"}))).collect();
    properties.insert("observedGeneration".to_owned(), json!({"type": "integer", "format": "int64"}));
    let item = json!({"type": "object", "properties": properties, "required": ["type", "status"]});
    json!({"type": "array", "items": item})
}

fn duration() -> Value {
    json!({"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"})
}

/// The time for one fetch; the source-controller reads it without asking whether it is there.
fn fetch_timeout() -> Value {
    json!({"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m))+$", "default": "60s"})
}

fn text() -> Value {
    json!({"type": "string"})
}

fn flag() -> Value {
    json!({"type": "boolean"})
}

/// Something that is named.
fn reference() -> Value {
    json!({"type": "object", "required": ["name"], "properties": {"name": text()}})
}

fn texts() -> Value {
    json!({"type": "array", "items": text()})
}

fn texts_by_name() -> Value {
    json!({"type": "object", "additionalProperties": text()})
}

/// An object of which only some fields are stated.
fn open(properties: &Value) -> Value {
    json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": properties})
}

fn git_repository() -> Kind {
    let fields = json!({
        "url": {"type": "string", "pattern": "^(http|https|ssh)://.*$"},
        "interval": duration(), "timeout": fetch_timeout(), "suspend": flag(),
        "ref": open(&json!({"branch": text(), "tag": text(), "semver": text(), "name": text(), "commit": text()})),
        "secretRef": reference(), "proxySecretRef": reference(),
        "provider": {"type": "string", "enum": ["generic", "aws", "azure", "github"]},
        "serviceAccountName": text(), "ignore": text(), "recurseSubmodules": flag(), "sparseCheckout": texts(),
        "verify": open(&json!({"mode": {"type": "string", "default": "HEAD"}, "secretRef": reference()})),
    });
    Kind {
        group: SOURCE_GROUP,
        kind: "GitRepository",
        plural: "gitrepositories",
        short: &["gitrepo"],
        fields,
        required: &["interval", "url"],
        columns: &[("URL", ".spec.url")],
    }
}

fn oci_repository() -> Kind {
    let verify = json!({"provider": {"type": "string", "default": "cosign"}, "secretRef": reference()});
    let fields = json!({
        "url": {"type": "string", "pattern": "^oci://.*$"},
        "interval": duration(), "timeout": fetch_timeout(), "suspend": flag(), "insecure": flag(),
        "ref": open(&json!({"digest": text(), "semver": text(), "semverFilter": text(), "tag": text()})),
        "layerSelector": open(&json!({"mediaType": text(), "operation": {"type": "string", "enum": ["extract", "copy"]}})),
        "provider": {"type": "string", "enum": ["generic", "aws", "azure", "gcp"], "default": "generic"},
        "secretRef": reference(), "certSecretRef": reference(), "proxySecretRef": reference(),
        "serviceAccountName": text(), "ignore": text(), "verify": open(&verify),
    });
    Kind {
        group: SOURCE_GROUP,
        kind: "OCIRepository",
        plural: "ocirepositories",
        short: &["ocirepo"],
        fields,
        required: &["interval", "url"],
        columns: &[("URL", ".spec.url")],
    }
}

fn bucket() -> Kind {
    let fields = json!({
        "endpoint": text(), "bucketName": text(), "region": text(), "prefix": text(), "insecure": flag(),
        "interval": duration(), "timeout": fetch_timeout(), "suspend": flag(),
        "provider": {"type": "string", "enum": ["generic", "aws", "gcp", "azure"], "default": "generic"},
        "secretRef": reference(), "certSecretRef": reference(), "proxySecretRef": reference(),
        "serviceAccountName": text(), "ignore": text(),
    });
    Kind {
        group: SOURCE_GROUP,
        kind: "Bucket",
        plural: "buckets",
        short: &[],
        fields,
        required: &["bucketName", "endpoint", "interval"],
        columns: &[("Endpoint", ".spec.endpoint")],
    }
}

/// The source-controller does not start without this kind, which this engine does not use.
fn helm_repository() -> Kind {
    let fields = json!({
        "url": text(), "interval": duration(), "timeout": duration(), "suspend": flag(),
        "type": {"type": "string", "enum": ["default", "oci"]},
        "provider": {"type": "string", "enum": ["generic", "aws", "azure", "gcp"], "default": "generic"},
        "secretRef": reference(), "certSecretRef": reference(),
    });
    Kind {
        group: SOURCE_GROUP,
        kind: "HelmRepository",
        plural: "helmrepositories",
        short: &["helmrepo"],
        fields,
        required: &["url"],
        columns: &[("URL", ".spec.url")],
    }
}

/// The source-controller does not start without this kind, which this engine does not use.
fn helm_chart() -> Kind {
    let strategy = json!({"type": "string", "enum": ["ChartVersion", "Revision"], "default": "ChartVersion"});
    let fields = json!({
        "chart": text(), "version": {"type": "string", "default": "*"}, "interval": duration(), "suspend": flag(),
        "sourceRef": open(&json!({"kind": text(), "name": text()})), "reconcileStrategy": strategy,
    });
    Kind {
        group: SOURCE_GROUP,
        kind: "HelmChart",
        plural: "helmcharts",
        short: &["hc"],
        fields,
        required: &["chart", "interval", "sourceRef"],
        columns: &[("Chart", ".spec.chart"), ("Version", ".spec.version")],
    }
}

fn kustomization() -> Kind {
    let from = json!({
        "kind": {"type": "string", "enum": ["Secret", "ConfigMap"]}, "name": text(),
        "optional": {"type": "boolean", "default": false},
    });
    let build = json!({
        "substitute": texts_by_name(), "substituteStrategy": text(),
        "substituteFrom": {"type": "array", "items": open(&from)},
    });
    let source = json!({"apiVersion": text(), "kind": text(), "name": text(), "namespace": text()});
    let dependency = json!({"name": text(), "namespace": text()});
    let fields = json!({
        "sourceRef": open(&source), "path": text(),
        "interval": duration(), "retryInterval": duration(), "timeout": duration(), "suspend": flag(),
        "prune": flag(), "wait": flag(), "force": {"type": "boolean", "default": false},
        "serviceAccountName": text(), "targetNamespace": text(), "postBuild": open(&build),
        "dependsOn": {"type": "array", "items": open(&dependency)},
        "deletionPolicy": {"type": "string", "enum": ["MirrorPrune", "Delete", "WaitForTermination", "Orphan"]},
    });
    Kind {
        group: KUSTOMIZE_GROUP,
        kind: "Kustomization",
        plural: "kustomizations",
        short: &["ks"],
        fields,
        required: &["interval", "prune", "sourceRef"],
        columns: &[],
    }
}
