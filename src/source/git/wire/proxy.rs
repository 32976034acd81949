//! Which proxy to ask for which host, as curl and git read it from the environment.
use reqwest::{NoProxy, Proxy};

/// Proxies for HTTP and HTTPS. Addresses may hold a user and a password; `Debug` shows none of it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ProxySettings {
    /// For `https://` repositories: `http://`, `https://` or `socks5://` and the address of the proxy.
    pub https: Option<String>,
    /// For `http://` repositories.
    pub http: Option<String>,
    /// Hosts, domains and networks that are asked directly, parted by commas.
    pub none_for: Option<String>,
}

impl ProxySettings {
    /// Reads `https_proxy`, `http_proxy`, `all_proxy` and `no_proxy`; where one is missing or empty, the same in capitals.
    ///
    /// Pure: `variable` gives the value of a variable.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let value = |name: &str| {
            let given = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
            given(name).or_else(|| given(&name.to_ascii_uppercase()))
        };
        Self {
            https: value("https_proxy").or_else(|| value("all_proxy")),
            http: value("http_proxy").or_else(|| value("all_proxy")),
            none_for: value("no_proxy"),
        }
    }

    /// Reads the environment of this process.
    pub fn from_environment() -> Self {
        Self::from_variables(|name| std::env::var_os(name)?.into_string().ok())
    }

    /// The proxies in the client's own form.
    ///
    /// # Errors
    /// Says which variable holds no address, and not what it holds: that may be a password.
    pub(in crate::source::git) fn proxies(&self) -> Result<Vec<Proxy>, String> {
        let none_for = self.none_for.as_deref().and_then(NoProxy::from_string);
        let make = |name: &str, address: &Option<String>, of: fn(String) -> reqwest::Result<Proxy>| {
            let address = address
                .as_ref()
                .map(|address| if address.contains("://") { address.clone() } else { format!("http://{address}") });
            let proxy = address.map(of).transpose();
            proxy.ok().ok_or_else(|| {
                format!("what {name} holds is not the address of a proxy, such as http://proxy.example.org:3128")
            })
        };
        let found = [make("https_proxy", &self.https, Proxy::https)?, make("http_proxy", &self.http, Proxy::http)?];
        Ok(found.into_iter().flatten().map(|proxy| proxy.no_proxy(none_for.clone())).collect())
    }
}

impl std::fmt::Debug for ProxySettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let is_set = |value: &Option<String>| value.as_ref().map(|_| "[REDACTED]");
        f.debug_struct("ProxySettings")
            .field("https", &is_set(&self.https))
            .field("http", &is_set(&self.http))
            .field("none_for", &self.none_for)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> ProxySettings {
        ProxySettings::from_variables(|name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn small_letters_come_before_capitals_and_all_proxy_last() {
        let settings = read(&[
            ("HTTPS_PROXY", "http://b"),
            ("https_proxy", "http://a"),
            ("ALL_PROXY", "http://c"),
            ("NO_PROXY", "x"),
        ]);
        assert_eq!(settings.https.as_deref(), Some("http://a"));
        assert_eq!(settings.http.as_deref(), Some("http://c"));
        assert_eq!(settings.none_for.as_deref(), Some("x"));
        assert_eq!(read(&[("https_proxy", ""), ("HTTPS_PROXY", "http://b")]).https.as_deref(), Some("http://b"));
        assert_eq!(read(&[]), ProxySettings::default());
    }

    #[test]
    fn a_bad_address_is_named_by_its_variable_only() {
        assert!(read(&[("https_proxy", "proxy:3128")]).proxies().is_ok_and(|all| all.len() == 1));
        let error = read(&[("https_proxy", "http://u:secret@:x")]).proxies().expect_err("no address");
        assert!(error.contains("https_proxy") && !error.contains("secret"), "{error}");
        assert!(!format!("{:?}", read(&[("https_proxy", "http://u:secret@h")])).contains("secret"));
    }
}
