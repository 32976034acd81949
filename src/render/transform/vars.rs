//! Vars: `$(NAME)` in fields, filled in from the final value of another field.
use crate::render::{
    error::{Place, RenderError},
    kustomization::{VarField, VarObject},
    node::{Node, Scalar, Style, Tag},
    object::{
        fieldspec::Spec,
        path,
        resource::{Previous, Resource},
    },
};
use smol_str::SmolStr;
use std::{borrow::Cow, collections::BTreeMap};

/// A var, and the file that defines it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::render) struct Var {
    field: VarField,
    file: String,
}

/// Workloads with containers, and the path to the pod's spec.
const PODS: [(&str, &str); 7] = [
    ("CronJob", "spec/jobTemplate/spec/template/spec"),
    ("DaemonSet", "spec/template/spec"),
    ("Deployment", "spec/template/spec"),
    ("Job", "spec/template/spec"),
    ("Pod", "spec"),
    ("ReplicaSet", "spec/template/spec"),
    ("StatefulSet", "spec/template/spec"),
];

/// Where vars are filled in by default.
///
/// Source: kustomize's default var references; the path of CronJobs' volumes lacks a part there, too.
pub(in crate::render) fn defaults() -> Vec<Spec> {
    let spec = |kind: &'static str, path: String| Spec {
        kind: Cow::Borrowed(kind),
        path: Cow::Owned(path),
        ..Spec::default()
    };
    let of_containers = PODS.iter().flat_map(|(kind, pod)| {
        ["containers", "initContainers"].into_iter().flat_map(move |containers| {
            let fields = ["args", "command", "env/value", "volumeMounts/mountPath"];
            fields.into_iter().map(move |field| spec(kind, format!("{pod}/{containers}/{field}")))
        })
    });
    let of_volumes = PODS.iter().filter(|(kind, _)| !matches!(*kind, "CronJob" | "StatefulSet"));
    let of_volumes = of_volumes.map(|(kind, pod)| spec(kind, format!("{pod}/volumes/nfs/server")));
    let others = [
        ("CronJob", "spec/jobTemplate/spec/template/volumes/nfs/server"),
        ("Deployment", "spec/template/metadata/annotations"),
        ("Ingress", "spec/rules/host"),
        ("Ingress", "spec/tls/hosts"),
        ("Ingress", "spec/tls/secretName"),
        ("Service", "spec/ports/port"),
        ("Service", "spec/ports/targetPort"),
        ("StatefulSet", "spec/volumeClaimTemplates/spec/nfs/server"),
        ("PersistentVolume", "spec/nfs/server"),
        ("", "metadata/labels"),
        ("", "metadata/annotations"),
    ];
    of_containers.chain(of_volumes).chain(others.map(|(kind, path)| spec(kind, path.to_owned()))).collect()
}

/// Adds vars to others.
///
/// # Errors
/// When a name is there already.
pub(in crate::render) fn merge(vars: &mut Vec<Var>, added: Vec<Var>) -> Result<(), RenderError> {
    for var in added {
        let Var { field: VarField { name, .. }, file } = &var;
        if let Some(other) = vars.iter().find(|other| other.field.name == *name) {
            let message = format!("{name:?} is defined already, in {}", other.file);
            return Err(RenderError::field(file, "vars", message));
        }
        vars.push(var);
    }
    Ok(())
}

/// Takes note of which resources the vars of a kustomization are read from.
///
/// # Errors
/// When one may be read from several.
pub(in crate::render) fn bind(
    place: &Place<'_>,
    fields: &[VarField],
    resources: &mut [Resource],
) -> Result<Vec<Var>, RenderError> {
    for field in fields {
        if field.name.is_empty() {
            return Err(place.wrong("an entry has no name"));
        }
        let of: Vec<usize> = (0..resources.len()).filter(|at| is_meant(&field.objref, &resources[*at])).collect();
        match of.as_slice() {
            [] => {}
            [one] => resources[*one].vars.push(SmolStr::new(&field.name)),
            several => {
                let message = format!("{:?} may be read from {} resources", field.name, several.len());
                return Err(place.wrong(message));
            }
        }
    }
    Ok(fields.iter().map(|field| Var { field: field.clone(), file: place.file.to_owned() }).collect())
}

fn is_meant(object: &VarObject, resource: &Resource) -> bool {
    let (group, version) = match object.api_version.split_once('/') {
        Some(parts) => parts,
        None if object.api_version.is_empty() => (object.group.as_str(), object.version.as_str()),
        None => (object.group.as_str(), object.api_version.as_str()),
    };
    let is_id = |id: Previous| {
        id.name == object.name
            && id.kind == object.kind
            && (object.namespace.is_empty() || id.namespace == object.namespace)
    };
    resource.group() == group && resource.version() == version && resource.all_names().any(is_id)
}

/// What a var stands for.
#[derive(Clone, Debug)]
struct Value {
    text: String,
    tag: Tag,
}

/// Fills in the vars, at the fields that the configuration names.
///
/// # Errors
/// When a var is read from nothing, or a field of it that is not there.
pub(in crate::render) fn resolve(vars: &[Var], specs: &[Spec], resources: &mut [Resource]) -> Result<(), RenderError> {
    if vars.is_empty() {
        return Ok(());
    }
    let mut values: BTreeMap<&str, Option<Value>> = BTreeMap::new();
    for var in vars {
        values.insert(&var.field.name, read(var, resources)?);
    }
    for resource in resources {
        for spec in specs.iter().map(Spec::borrowed) {
            if spec.selects(resource) {
                let outcome = spec.walk(resource, None, &mut |node| fill_field(node, &values));
                outcome.map_err(|message| {
                    RenderError::field(&resource.origin, spec.path, format!("{}: {message}", resource.shown()))
                })?;
            }
        }
    }
    Ok(())
}

fn read(var: &Var, resources: &[Resource]) -> Result<Option<Value>, RenderError> {
    let VarField { name, fieldref, .. } = &var.field;
    let wrong = |message: String| RenderError::field(&var.file, "vars", message);
    let bound = resources.iter().find(|resource| resource.vars.iter().any(|bound| bound == name));
    let resource = bound.ok_or_else(|| wrong(format!("{name:?} is read from an object that is not there")))?;
    let path = if fieldref.fieldpath.is_empty() { "metadata.name" } else { &fieldref.fieldpath };
    let object = Node::Map(resource.object().clone());
    let found = path::look_up(&object, &indexed(path)).ok().flatten();
    match found {
        None => Err(wrong(format!("{name:?} is read from {path} of {}, which is not there", resource.shown()))),
        // A map or a list stands for nothing.
        Some(Node::Map(_) | Node::List(_)) => Ok(None),
        Some(Node::Scalar(scalar)) => Ok(Some(Value::of(scalar))),
    }
}

/// Parts of a path; `a[0]` is two.
fn indexed(path: &str) -> Vec<String> {
    let mut parts = Vec::new();
    for part in path::split(path) {
        let index = part.strip_suffix(']').and_then(|rest| rest.rsplit_once('['));
        match index.filter(|(_, index)| !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit())) {
            Some((name, index)) => {
                parts.extend((!name.is_empty()).then(|| name.to_owned()));
                parts.push(index.to_owned());
            }
            None => parts.push(part),
        }
    }
    parts
}

impl Value {
    fn of(scalar: &Scalar) -> Self {
        let text = scalar.text.to_string();
        match scalar.tag() {
            Tag::Int => match text.parse::<i64>() {
                Ok(number) => Self { text: number.to_string(), tag: Tag::Int },
                Err(_) => Self { text, tag: Tag::Str },
            },
            Tag::Float => match text.parse::<f64>() {
                Ok(number) => Self { text: number.to_string(), tag: Tag::Float },
                Err(_) => Self { text, tag: Tag::Str },
            },
            Tag::Bool => Self { text: text.to_ascii_lowercase(), tag: Tag::Bool },
            Tag::Implied | Tag::Null | Tag::Str | Tag::Timestamp | Tag::Binary | Tag::Custom => {
                Self { text, tag: Tag::Str }
            }
        }
    }
}

type Values<'a> = BTreeMap<&'a str, Option<Value>>;

fn fill_field(node: &mut Node, values: &Values<'_>) -> Result<(), String> {
    match node {
        Node::Scalar(scalar) => fill(scalar, values),
        Node::Map(map) => {
            for value in map.values_mut() {
                if let Node::Scalar(scalar) = value {
                    fill(scalar, values);
                }
            }
        }
        Node::List(items) => {
            for item in items {
                match item {
                    Node::Scalar(scalar) if scalar.tag() == Tag::Str => fill(scalar, values),
                    _ => return Err("expected a list of texts".to_owned()),
                }
            }
        }
    }
    Ok(())
}

/// Fills in a text. One that is nothing but a var becomes of the var's kind.
fn fill(scalar: &mut Scalar, values: &Values<'_>) {
    if scalar.tag() != Tag::Str {
        return;
    }
    let whole = scalar.text.strip_prefix("$(").and_then(|rest| rest.strip_suffix(')'));
    let filled = match whole.filter(|name| !name.contains(')')).and_then(|name| values.get(name)?.clone()) {
        Some(value) => value,
        None => Value { text: expanded(&scalar.text, values), tag: Tag::Str },
    };
    scalar.set(filled.text, filled.tag);
    scalar.style = Style::Plain;
}

/// A text with its vars filled in. `$$` is a dollar that begins none.
fn expanded(text: &str, values: &Values<'_>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let closed = after.strip_prefix('(').and_then(|inner| inner.split_once(')'));
        rest = match (after.chars().next(), closed) {
            (Some('$'), _) => {
                out.push('$');
                &after[1..]
            }
            (Some('('), Some((name, after))) => {
                match values.get(name).and_then(Option::as_ref) {
                    Some(value) => out.push_str(&value.text),
                    None => out.extend(["$(", name, ")"]),
                }
                after
            }
            (Some('('), None) => {
                out.push_str("$(");
                &after[1..]
            }
            (Some(_), _) | (None, _) => {
                out.push('$');
                after
            }
        };
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vars_are_filled_in_and_keep_their_kind_alone() {
        let values: Values<'_> = BTreeMap::from([
            ("PORT", Some(Value { text: "80".to_owned(), tag: Tag::Int })),
            ("NAME", Some(Value { text: "web".to_owned(), tag: Tag::Str })),
            ("MAP", None),
        ]);
        for (text, wanted) in [
            ("$(NAME):$(PORT)", "web:80"),
            ("$$(NAME) $(OTHER) $(MAP) $(NAME", "$(NAME) $(OTHER) $(MAP) $(NAME"),
            ("a$b$", "a$b$"),
        ] {
            assert_eq!(expanded(text, &values), wanted);
        }
        let mut scalar = Scalar::string("$(PORT)");
        fill(&mut scalar, &values);
        assert_eq!((scalar.text.as_str(), scalar.tag), ("80", Tag::Int));
    }
}
