//! The secrets of a configuration: inline in base64, or by reference.
use super::{super::Problem, super::secrets::Reader, keys::private_key, names, texts::decoded};
use crate::{
    api::{ProtectedSettingsFrom, SecretFrom, SecretKeyRef},
    desired::check::near,
    model::configuration::{SecretRef, Setting},
};
use secrecy::{ExposeSecret as _, SecretString};
use std::collections::BTreeMap;

const INLINE: &str = "spec.configurationProtectedSettings";
const FROM: &str = "spec.protectedSettingsFrom";

/// The setting of a bucket, which a Git repository has no use for.
pub(super) const BUCKET_KEY: &str = "bucketSecretKey";

/// What the protected settings hold.
#[derive(Default)]
pub(super) struct Protected {
    pub(super) user: Option<String>,
    pub(super) password: Option<SecretString>,
    pub(super) key: Option<SecretString>,
    pub(super) bucket_key: Option<SecretString>,
    /// What stands in Secrets of the cluster, and is read when it is needed.
    pub(super) refs: Vec<SecretRef>,
    /// The values that came by reference, each after the name of its setting.
    pub(super) resolved: Vec<String>,
    /// The settings that are given in any way, with the field of each.
    given: BTreeMap<String, String>,
}

impl Protected {
    /// The field of a setting, when it is given in any way and whatever it is worth.
    pub(super) fn field_of(&self, setting: &str) -> Option<&str> {
        self.given.get(setting).map(String::as_str)
    }

    fn take(&mut self, setting: &str, field: &str, value: &SecretString, problems: &mut Vec<Problem>) {
        let text = value.expose_secret();
        if text.trim().is_empty() {
            problems.push(Problem::new(field, "is empty"));
            return;
        }
        match setting {
            "httpsUser" => self.user = Some(text.trim().to_owned()),
            "httpsKey" => self.password = Some(text.trim_end_matches(['\r', '\n']).to_owned().into()),
            BUCKET_KEY => self.bucket_key = Some(text.trim_end_matches(['\r', '\n']).to_owned().into()),
            "sshPrivateKey" => match private_key(text) {
                Ok(key) => self.key = Some(key.into()),
                Err(why) => problems.push(Problem::new(field, why)),
            },
            _ => {}
        }
    }
}

/// Reads the protected settings, of which `known` are the names.
pub(super) fn protected(
    inline: Option<&BTreeMap<String, String>>,
    from: Option<&ProtectedSettingsFrom>,
    known: &[&str],
    secrets: &Reader<'_>,
    problems: &mut Vec<Problem>,
) -> Protected {
    let mut found = Protected::default();
    for (name, value) in inline.into_iter().flatten() {
        let field = format!("{INLINE}.{name}");
        if is_known(name, &field, known, problems) {
            found.given.insert(name.clone(), field.clone());
            let before = problems.len();
            if let Some(text) = decoded(&field, Some(value), problems)
                && problems.len() == before
            {
                found.take(name, &field, &text.into(), problems);
            }
        }
    }
    for (name, from) in from.into_iter().flatten() {
        let field = format!("{FROM}.{name}");
        if !is_known(name, &field, known, problems) {
            continue;
        }
        if found.given.contains_key(name) {
            problems
                .push(Problem::new(field, "is given in configurationProtectedSettings too").hint("keep one of them"));
            continue;
        }
        found.given.insert(name.clone(), field.clone());
        by_reference(name, from, &field, &mut found, secrets, problems);
    }
    found
}

fn by_reference(
    name: &str,
    from: &SecretFrom,
    field: &str,
    found: &mut Protected,
    secrets: &Reader<'_>,
    problems: &mut Vec<Problem>,
) {
    let value = match (&from.file, &from.env, &from.secret_ref) {
        (Some(file), None, None) => secrets.file(file),
        (None, Some(name), None) => secrets.env(name),
        (None, None, Some(entry)) => {
            found.refs.extend(entry_of(name, entry, field, problems));
            return;
        }
        _ => Err("needs exactly one of file, env and secretRef".to_owned()),
    };
    match value {
        Ok(value) => {
            found.resolved.extend([name.to_owned(), value.expose_secret().to_owned()]);
            found.take(name, field, &value, problems);
        }
        Err(why) => problems.push(Problem::new(field, why)),
    }
}

fn entry_of(name: &str, entry: &SecretKeyRef, field: &str, problems: &mut Vec<Problem>) -> Option<SecretRef> {
    names::subdomain(&format!("{field}.secretRef.name"), &entry.name, 253, problems);
    names::entry_key(&format!("{field}.secretRef.key"), &entry.key, problems);
    let setting = match name {
        "sshPrivateKey" => Setting::SshPrivateKey,
        "httpsUser" => Setting::HttpsUser,
        "httpsKey" => Setting::HttpsKey,
        BUCKET_KEY => Setting::BucketSecretKey,
        _ => return None,
    };
    Some(SecretRef::Entry { setting, name: entry.name.clone(), key: entry.key.clone() })
}

fn is_known(name: &str, field: &str, known: &[&str], problems: &mut Vec<Problem>) -> bool {
    if known.contains(&name) {
        return true;
    }
    let hint = match near(name, known) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("there are: {}", known.join(", ")),
    };
    problems.push(Problem::new(field, "is not a known setting").hint(hint));
    false
}
