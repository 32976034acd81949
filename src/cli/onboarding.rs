//! What `connect` and `disconnect` have in common: the control plane that is meant, and the list of checks.
use super::{Failure, output::Form, progress::Progress, ui};
use crate::{
    cloud::{Arm, CloudError, Credential, Endpoints, Http, SignIn, credential::read_bounded, sign_in::Wanted},
    onboard::{
        Check, Identity, Verdict,
        connection::{cluster_name, group_name},
        plane,
    },
    runtime::clock::{Clock as _, SystemClock},
};
use clap::Args;
use secrecy::SecretString;
use std::{
    future::Future,
    path::{Path, PathBuf},
};

/// What the authorities of a file begin with.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";

/// Which resource, at which control plane, and in whose name.
#[derive(Debug, Args)]
pub(super) struct PlaneArgs {
    /// Name of the cluster's resource
    #[arg(long, value_name = "NAME", value_parser = cluster_name)]
    name: String,
    /// Its resource group
    #[arg(short = 'g', long, value_name = "GROUP", value_parser = group_name)]
    resource_group: String,
    /// Its subscription; that of the credential by default
    #[arg(long, value_name = "ID")]
    subscription: Option<String>,
    /// URL of the control plane; that of the credential by default
    #[arg(long, value_name = "URL")]
    hub: Option<String>,
    /// PEM file of authorities that it is trusted by, besides the machine's; caFile of the credential by default
    #[arg(long, value_name = "FILE")]
    hub_ca: Option<PathBuf>,
    /// Credential, as the first start of a hub writes it; by default AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET and AZURE_SUBSCRIPTION_ID
    #[arg(long, value_name = "FILE")]
    credential: Option<PathBuf>,
}

/// A control plane, before it was asked anything.
pub(super) struct Plane {
    pub(super) identity: Identity,
    pub(super) base: String,
    pub(super) tenant: String,
    pub(super) authorities: Option<String>,
    credential: Credential,
    http: Http,
}

impl PlaneArgs {
    /// Reads the credential and the authorities.
    pub(super) fn open(&self) -> Result<Plane, Failure> {
        let credential = match &self.credential {
            Some(path) => Credential::read(path).map_err(|error| {
                Failure::of(&error)
                    .hint("give the file that the first start of `arcwright hub` wrote, FILE.bootstrap.json")
            })?,
            None => from_environment()?,
        };
        let base = self.hub.clone().unwrap_or_else(|| credential.endpoint.clone());
        if base.is_empty() {
            return Err(Failure::new("which control plane is meant is not said")
                .hint("give --hub URL, or a credential with endpoint")
                .code(2));
        }
        let authorities =
            self.hub_ca.as_ref().or(credential.ca_file.as_ref()).map(|path| authorities(path)).transpose()?;
        let http = Http::new(authorities.as_deref().map(str::as_bytes)).map_err(|error| Failure::of(&error))?;
        let subscription = self.subscription.clone().unwrap_or_else(|| credential.subscription.clone());
        let identity = Identity { subscription, group: self.resource_group.clone(), name: self.name.clone() };
        let base = base.trim_end_matches('/').to_owned();
        Ok(Plane { identity, base, tenant: credential.tenant.clone(), authorities, credential, http })
    }
}

fn authorities(path: &Path) -> Result<String, Failure> {
    let failed = |error: &dyn std::error::Error| {
        Failure::of(error)
            .hint("--hub-ca FILE names the control plane's authorities; `arcwright hub` writes FILE.ca.pem")
    };
    let bytes = read_bounded(path).map_err(|error| failed(&error))?;
    let text = String::from_utf8(bytes).ok().filter(|text| text.contains(CERTIFICATE));
    text.ok_or_else(|| Failure::new(format!("{} has no certificate in PEM", path.display())))
}

fn from_environment() -> Result<Credential, Failure> {
    let text = |name: &str| std::env::var_os(name).and_then(|value| value.into_string().ok()).unwrap_or_default();
    let needed = ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_SUBSCRIPTION_ID"];
    let missing: Vec<&str> = needed.into_iter().filter(|name| text(name).is_empty()).collect();
    if !missing.is_empty() {
        return Err(Failure::new(format!(
            "there is no credential: no --credential, and no {} in the environment",
            missing.join(", ")
        ))
        .hint("give --credential FILE, which the first start of `arcwright hub` wrote as FILE.bootstrap.json")
        .code(2));
    }
    let [tenant, client, secret, subscription] = needed.map(text);
    Ok(Credential {
        endpoint: String::new(),
        ca_file: None,
        tenant,
        client,
        secret: SecretString::from(secret),
        subscription,
    })
}

/// A control plane that answered, and took the credential.
pub(super) struct Known {
    pub(super) arm: Arm,
    /// Where it has connected clusters.
    pub(super) locations: Vec<String>,
}

impl Plane {
    /// Looks at the control plane; what cannot be looked at is skipped.
    pub(super) async fn check(&self, list: &mut CheckList) -> Option<Known> {
        let (check, endpoints) =
            list.during("asking the control plane", plane::reachable(&self.http, &self.base)).await;
        list.add(check);
        let Some(endpoints) = endpoints else {
            for name in ["clock", "sign-in", "providers"] {
                list.add(Check::skipped(name, "the control plane does not answer"));
            }
            return None;
        };
        list.add(plane::clock(SystemClock.now(), endpoints.time));
        let sign_in = self.sign_in(&endpoints);
        let check = list.during("signing in", plane::signed_in(&sign_in)).await;
        if !list.add(check) {
            list.add(Check::skipped("providers", "the credential is not taken"));
            return None;
        }
        let arm = Arm::new(self.http.clone(), &self.base, &endpoints, sign_in);
        let (check, locations) =
            list.during("asking for the providers", plane::providers(&arm, &self.identity.subscription)).await;
        list.add(check).then_some(Known { arm, locations })
    }

    fn sign_in(&self, endpoints: &Endpoints) -> SignIn {
        let Credential { tenant, client, secret, .. } = &self.credential;
        let wanted = Wanted { login: &endpoints.login, tenant, audience: &endpoints.audience };
        SignIn::new(self.http.clone(), &wanted, client, secret.clone())
    }
}

/// What a request to the control plane came to, with what to do about it.
pub(super) fn told(error: &CloudError) -> Failure {
    let failure = Failure::of(error);
    match plane::hint(crate::cloud::Trouble::of(error)) {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// Checks as they come, each in a line of its own.
#[derive(Debug, Default)]
pub(super) struct CheckList {
    /// All of them.
    pub(super) checks: Vec<Check>,
}

impl CheckList {
    /// Shows that something is under way.
    pub(super) async fn during<T>(&self, what: &str, work: impl Future<Output = T>) -> T {
        let progress = Progress::spinner(what);
        let done = work.await;
        progress.end();
        done
    }

    /// Adds a check, and tells it; whether it did not fail.
    pub(super) fn add(&mut self, check: Check) -> bool {
        tell(check.verdict, check.name, &check.message);
        if let Some(hint) = &check.hint {
            ui::note(format_args!("{:10}{:15}Hint: {hint}", "", ""));
        }
        let is_fine = check.verdict != Verdict::Failed;
        self.checks.push(check);
        is_fine
    }

    /// How many failed.
    pub(super) fn failed(&self) -> usize {
        self.checks.iter().filter(|check| check.verdict == Verdict::Failed).count()
    }
}

fn tell(verdict: Verdict, name: &str, message: &str) {
    let word = match verdict {
        Verdict::Passed => "ok",
        Verdict::Warning => "warning",
        Verdict::Failed => "FAILED",
        Verdict::Skipped => "skipped",
    };
    ui::note(format_args!("{word:10}{name:15}{message}"));
}

/// Tells that a step is done.
pub(super) fn done(name: &str, message: &str) {
    ui::note(format_args!("{:10}{name:15}{message}", "done"));
}

/// Prints a value for programs, where that is asked for.
pub(super) fn print(form: Form, value: &serde_json::Value) -> Result<(), Failure> {
    if form.is_machine() { form.print(value) } else { Ok(()) }
}
