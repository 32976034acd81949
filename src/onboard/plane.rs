//! What is looked at of the control plane.
use super::Check;
use crate::{
    cloud::{Arm, CloudError, Endpoints, Http, SignIn, Trouble, arm::Provider},
    error::Chain,
};
use jiff::{SignedDuration, Timestamp};

/// Difference of the clocks up to which all is well, in seconds.
const SMALL_SKEW: i64 = 60;
/// Difference from which a cluster cannot enrol, in seconds.
const LARGE_SKEW: i64 = 300;
/// Provider without which there are no clusters.
const CLUSTERS: &str = "Microsoft.Kubernetes";
/// Provider without which they have no configurations.
const CONFIGURATIONS: &str = "Microsoft.KubernetesConfiguration";

/// Whether the control plane answers, by name, port, proxy and certificate.
pub async fn reachable(http: &Http, base: &str) -> (Check, Option<Endpoints>) {
    match Endpoints::ask(http, base).await {
        Ok(endpoints) => {
            let by = proxy().map(|proxy| format!("; the environment names the proxy {proxy}")).unwrap_or_default();
            (
                Check::passed("control plane", format!("{base} answers, and its certificate is trusted{by}")),
                Some(endpoints),
            )
        }
        Err(error) => (failed("control plane", &error), None),
    }
}

/// A check that failed for what a request came to.
pub fn failed(name: &'static str, error: &CloudError) -> Check {
    let check = Check::failed(name, Chain(error).to_string());
    match hint(Trouble::of(error)) {
        Some(hint) => check.hint(hint),
        None => check,
    }
}

/// What to do about a trouble.
pub fn hint(trouble: Trouble) -> Option<&'static str> {
    Some(match trouble {
        Trouble::Name => {
            "no such name is known: correct --hub, or the DNS of this machine; where only a proxy knows it, set HTTPS_PROXY"
        }
        Trouble::Refused => {
            "nobody listens there: correct the port in --hub, or start the control plane with --listen on an address that is reached from here"
        }
        Trouble::Silent => {
            "nobody answers there: look for a firewall, or set HTTPS_PROXY where the way leads through a proxy"
        }
        Trouble::Proxy => {
            "the proxy does not let the request through: correct HTTPS_PROXY, or name the host in NO_PROXY"
        }
        Trouble::NotTls => "what listens there speaks no TLS: correct the port in --hub",
        Trouble::Authority => {
            "its certificate is of an authority that is not trusted here: give the control plane's FILE.ca.pem with --hub-ca FILE, or as caFile in the credential"
        }
        Trouble::CertificateName => {
            "its certificate is for other names: use one of them in --hub, or start the control plane with --name NAME"
        }
        Trouble::CertificateTime => {
            "its certificate is not good at this time: correct the clock of this machine, or that of the control plane"
        }
        Trouble::Tenant => "correct tenantId (AZURE_TENANT_ID); the credential is perhaps another control plane's",
        Trouble::Secret => {
            "correct clientId and clientSecret (AZURE_CLIENT_ID, AZURE_CLIENT_SECRET); the credential is perhaps another control plane's, or it has expired"
        }
        Trouble::Locked => "too many sign-ins failed: correct the credential, wait a minute, and try again",
        Trouble::Token => {
            "the control plane does not take its own token: correct the clocks, or use the URL that it was started with as --endpoint"
        }
        Trouble::Rights => "the client may not do this: use an owner's credential",
        Trouble::NotAControlPlane => "what answers there is no control plane: correct --hub",
        Trouble::Other => return None,
    })
}

/// The proxy that the environment names for https, without what comes before an `@`.
fn proxy() -> Option<String> {
    let names = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let found = names.into_iter().find_map(|name| std::env::var_os(name).filter(|value| !value.is_empty()))?;
    found.to_string_lossy().rsplit('@').next().map(str::to_owned)
}

/// Whether the clocks agree.
pub fn clock(here: Timestamp, there: Option<Timestamp>) -> Check {
    let Some(there) = there else { return Check::skipped("clock", "the control plane does not say what time it is") };
    let skew: SignedDuration = here.duration_since(there);
    let seconds = skew.as_secs().abs();
    let which = if skew.is_negative() { "behind" } else { "ahead of" };
    let message = format!("this machine is {seconds} s {which} the control plane");
    let hint = "set the clock here, on the nodes, or on the control plane, as NTP does";
    match seconds {
        LARGE_SKEW.. => Check::failed("clock", format!("{message}; a cluster enrols within {LARGE_SKEW} s")).hint(hint),
        SMALL_SKEW.. => Check::warning("clock", message).hint(hint),
        0 | 1 => Check::passed("clock", "this machine and the control plane agree"),
        _ => Check::passed("clock", message),
    }
}

/// Whether the credential is taken.
pub async fn signed_in(sign_in: &SignIn) -> Check {
    match sign_in.token().await {
        Ok(_) => Check::passed("sign-in", "the credential is taken"),
        Err(error) => failed("sign-in", &error),
    }
}

/// Whether the subscription may have clusters with configurations, and where.
pub async fn providers(arm: &Arm, subscription: &str) -> (Check, Vec<String>) {
    let (clusters, configurations) =
        tokio::join!(arm.provider(subscription, CLUSTERS), arm.provider(subscription, CONFIGURATIONS));
    match (clusters, configurations) {
        (Ok(clusters), Ok(configurations)) => (registered(&clusters, &configurations), clusters.locations),
        (Err(error), _) | (_, Err(error)) => (failed("providers", &error), Vec::new()),
    }
}

fn registered(clusters: &Provider, configurations: &Provider) -> Check {
    let how = |namespace: &str| format!("az provider register --namespace {namespace}");
    if !clusters.is_registered {
        return Check::failed("providers", format!("the subscription is not registered for {CLUSTERS}"))
            .hint(how(CLUSTERS));
    }
    if !configurations.is_registered {
        let message =
            format!("the subscription is not registered for {CONFIGURATIONS}: the cluster can have no configurations");
        return Check::warning("providers", message).hint(how(CONFIGURATIONS));
    }
    Check::passed("providers", "the subscription may have clusters and configurations")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onboard::Verdict;

    #[test]
    fn clocks_are_told_apart_by_which_way_and_how_far() {
        let at = |seconds: i64| Timestamp::from_second(1_800_000_000 + seconds).expect("a time");
        let of = |seconds: i64| {
            let check = clock(at(seconds), Some(at(0)));
            (check.verdict, check.message)
        };
        assert_eq!(of(0).0, Verdict::Passed);
        assert_eq!(of(30), (Verdict::Passed, "this machine is 30 s ahead of the control plane".to_owned()));
        assert_eq!(of(-61), (Verdict::Warning, "this machine is 61 s behind the control plane".to_owned()));
        assert_eq!(of(300).0, Verdict::Failed);
        assert_eq!(of(-86_400).0, Verdict::Failed);
        assert_eq!(clock(at(0), None).verdict, Verdict::Skipped);
    }

    #[test]
    fn only_the_provider_of_clusters_is_needed() {
        let provider = |is_registered| Provider { is_registered, locations: vec![] };
        let of = |clusters, configurations| registered(&provider(clusters), &provider(configurations));
        assert_eq!(of(true, true).verdict, Verdict::Passed);
        assert_eq!(of(true, false).verdict, Verdict::Warning);
        let check = of(false, true);
        assert_eq!(check.verdict, Verdict::Failed);
        assert_eq!(check.hint.as_deref(), Some("az provider register --namespace Microsoft.Kubernetes"));
    }
}
