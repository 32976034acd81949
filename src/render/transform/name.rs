//! Prefixes and suffixes of names.
use crate::render::resource::Resource;

/// Kinds whose name means something that a prefix would change.
fn keeps_its_name(resource: &Resource) -> bool {
    match resource.original().kind.as_str() {
        "CustomResourceDefinition" | "Namespace" => true,
        "APIService" => resource.group() == "apiregistration.k8s.io",
        _ => false,
    }
}

/// Puts a prefix before and a suffix after every name that may change.
pub(in crate::render) fn add(prefix: &str, suffix: &str, resources: &mut [Resource]) {
    for (part, is_prefix) in [(prefix, true), (suffix, false)] {
        if part.is_empty() {
            continue;
        }
        for resource in resources.iter_mut().filter(|resource| !keeps_its_name(resource)) {
            resource.remember();
            let name =
                if is_prefix { format!("{part}{}", resource.name()) } else { format!("{}{part}", resource.name()) };
            resource.set_name(&name);
            let parts = if is_prefix { &mut resource.prefixes } else { &mut resource.suffixes };
            parts.push(part.to_owned());
        }
    }
}
