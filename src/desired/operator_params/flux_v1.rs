//! What the arguments become for a real operator, which ends at once when it is told something that it does not know.
use super::{
    Written, directory,
    flags::{self, Kind},
    go_duration, read,
};
use crate::model::{configuration::Scope, operator::Argument};

/// What an operator is told.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::desired) struct Translated {
    pub(in crate::desired) branch: String,
    /// Directories, in order; empty for the root alone.
    pub(in crate::desired) paths: Vec<String>,
    /// Everything else, in order.
    pub(in crate::desired) arguments: Vec<Argument>,
    /// What is wrong with them.
    pub(in crate::desired) errors: Vec<String>,
}

/// Translates the arguments for an operator. Total: what cannot be passed on is in `errors`.
///
/// An operator that is told neither a user nor an address for its commits only reads the repository.
///
/// Source: the resource's documentation, and the daemon of Flux v1, release 1.25.
pub(in crate::desired) fn translate(text: &str, scope: Scope) -> Translated {
    let (all, errors) = read(text);
    let mut translated = Translated { branch: "master".to_owned(), paths: Vec::new(), arguments: Vec::new(), errors };
    for written in all {
        translated.take(written, scope);
    }
    let says = |name: &str| translated.arguments.iter().any(|argument| argument.name == name);
    if !["git-readonly", "git-user", "git-email"].into_iter().any(says) {
        translated.arguments.push(Argument::switch("git-readonly"));
    }
    translated
}

impl Translated {
    fn take(&mut self, written: Written, scope: Scope) {
        let Some(kind) = flags::kind(&written.name) else {
            let near = flags::nearest(&written.name).map(|near| format!("; did you mean --{near}?"));
            let near = near.unwrap_or_default();
            self.errors.push(format!("--{} is not an argument of a Flux v1 operator{near}", shortened(&written.name)));
            return;
        };
        let name = present_name(&written.name);
        if let Some(why) = refused(name, scope) {
            self.errors.push(format!("--{}: {why}", written.name));
        } else if kind == Kind::Switch {
            self.take_switch(name, &written);
        } else {
            self.take_value(name, kind, written.value.unwrap_or_default());
        }
    }

    fn take_switch(&mut self, name: &str, written: &Written) {
        match written.value.as_deref().map(str::to_lowercase).as_deref() {
            None | Some("true" | "1" | "t") => self.arguments.push(Argument::switch(name)),
            Some("false" | "0" | "f") => self.arguments.push(Argument::new(name, "false")),
            Some(_) => self.errors.push(format!("--{name} takes true or false, or nothing for true")),
        }
    }

    fn take_value(&mut self, name: &str, kind: Kind, value: String) {
        match name {
            "git-branch" => self.branch = value,
            "git-path" => self.take_paths(&value),
            _ => match unfit(kind, &value) {
                Some(why) => self.errors.push(format!("--{name}: {:?} is {why}", shortened(&value))),
                None => self.arguments.push(Argument::new(name, value)),
            },
        }
    }

    fn take_paths(&mut self, list: &str) {
        for path in list.split(',').map(directory) {
            if !self.paths.contains(&path) {
                self.paths.push(path);
            }
        }
    }
}

/// The name under which the daemon knows an argument at present.
fn present_name(name: &str) -> &str {
    match name {
        "disable-registry-scanning" => "registry-disable-scanning",
        "k8s-namespace-whitelist" => "k8s-allow-namespace",
        other => other,
    }
}

/// Why a value is not one of its kind.
pub(super) fn unfit(kind: Kind, value: &str) -> Option<String> {
    let is_fit = match kind {
        Kind::Switch | Kind::Text | Kind::List => !value.contains(char::is_control),
        Kind::Duration => go_duration(value).is_some(),
        Kind::Integer => value.parse::<u32>().is_ok(),
        Kind::Number => value.parse::<f64>().is_ok_and(|number| number.is_finite() && number >= 0.0),
        Kind::Choice(words) => words.contains(&value),
    };
    (!is_fit).then(|| match kind {
        Kind::Switch | Kind::Text | Kind::List => "a text with control characters".to_owned(),
        Kind::Duration => "not a duration such as 90s, 5m or 1h30m".to_owned(),
        Kind::Integer => "not a whole number".to_owned(),
        Kind::Number => "not a number".to_owned(),
        Kind::Choice(words) => format!("not one of {}", words.join(", ")),
    })
}

/// Why an argument cannot be given: the installation decides it, or what it needs is not there.
fn refused(name: &str, scope: Scope) -> Option<&'static str> {
    match name {
        "git-url" => Some("the address is what repositoryUrl says"),
        "k8s-secret-name" | "k8s-secret-data-key" | "k8s-secret-volume-mount-path" | "ssh-keygen-dir" => {
            Some("the key is given in protectedSettingsFrom, or made for the configuration")
        }
        "memcached-hostname" | "memcached-port" | "memcached-service" => {
            Some("the operator has a memcached of its own; --registry-disable-scanning does without")
        }
        "listen" => Some("the probes ask at port 3030; --listen-metrics moves the metrics"),
        "k8s-in-cluster" | "kube-config" | "kubernetes-kubectl" => {
            Some("the operator runs in the cluster, with what is in its image")
        }
        "version" => Some("it would end at once"),
        "connect" | "token" | "rpc-timeout" => Some("the service that it connects to has ended"),
        "git-gpg-key-import"
        | "git-secret"
        | "git-signing-key"
        | "git-verify-signatures"
        | "git-verify-signatures-mode"
        | "docker-config" => Some("it needs files in the operator's pod, and none can be given by the configuration"),
        "k8s-allow-namespace" | "k8s-default-namespace" if scope == Scope::Namespace => {
            Some("operatorScope: namespace sets it to operatorNamespace")
        }
        _ => None,
    }
}

/// The first of a text, for a message.
pub(super) fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let translated = translate(text, Scope::Cluster);
        assert_eq!(translated.errors, Vec::<String>::new(), "{text}");
        translated.arguments.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    fn errors(text: &str) -> Vec<String> {
        translate(text, Scope::Cluster).errors
    }

    #[test]
    fn an_operator_that_has_no_name_to_commit_under_only_reads() {
        assert_eq!(shown(""), "--git-readonly");
        assert_eq!(shown("--git-readonly=false"), "--git-readonly=false");
        assert_eq!(shown("--git-user 'A B' --git-email=a@b.c"), "--git-user=A B --git-email=a@b.c");
        assert_eq!(shown("--git-user=x --git-readonly=true"), "--git-user=x --git-readonly");
    }

    #[test]
    fn what_the_documentation_lists_is_passed_on() {
        let translated = translate(
            "--git-branch main --git-path=./releases/a/,b,b --git-poll-interval=1m --sync-garbage-collection --git-label=mark --manifest-generation=true",
            Scope::Cluster,
        );
        assert_eq!((translated.branch.as_str(), translated.paths.join(" ").as_str()), ("main", "releases/a b"));
        let arguments: Vec<String> = translated.arguments.iter().map(ToString::to_string).collect();
        assert_eq!(
            arguments,
            [
                "--git-poll-interval=1m",
                "--sync-garbage-collection",
                "--git-label=mark",
                "--manifest-generation",
                "--git-readonly"
            ]
        );
        assert_eq!(shown("--disable-registry-scanning"), "--registry-disable-scanning --git-readonly");
        assert_eq!(shown("--registry-use-labels a/*,b/*"), "--registry-use-labels=a/*,b/* --git-readonly");
    }

    #[test]
    fn what_would_end_or_mislead_the_operator_is_refused() {
        assert_eq!(
            errors("--git-brnch=x"),
            ["--git-brnch is not an argument of a Flux v1 operator; did you mean --git-branch?"]
        );
        assert_eq!(
            errors("--git-poll-interval=soon"),
            ["--git-poll-interval: \"soon\" is not a duration such as 90s, 5m or 1h30m"]
        );
        assert_eq!(errors("--sync-state=tag"), ["--sync-state: \"tag\" is not one of git, secret"]);
        assert_eq!(errors("--git-readonly=perhaps"), ["--git-readonly takes true or false, or nothing for true"]);
        assert_eq!(errors("--registry-burst=-1"), ["--registry-burst: \"-1\" is not a whole number"]);
        assert_eq!(errors("--git-url=x"), ["--git-url: the address is what repositoryUrl says"]);
        for text in ["--k8s-secret-name=x", "--listen=:1", "--token=x", "--git-secret", "--kube-config=x"] {
            assert_eq!(errors(text).len(), 1, "{text}");
        }
    }

    #[test]
    fn the_scope_decides_about_namespaces() {
        for text in ["--k8s-allow-namespace=a,b", "--k8s-default-namespace a"] {
            assert_eq!(translate(text, Scope::Cluster).errors, Vec::<String>::new());
            assert_eq!(translate(text, Scope::Namespace).errors.len(), 1);
        }
        assert_eq!(shown("--k8s-namespace-whitelist=a"), "--k8s-allow-namespace=a --git-readonly");
    }
}
