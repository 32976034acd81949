//! What is wrong when a control plane cannot be worked with, as far as that can be told from the error.
use super::CloudError;
use rustls::CertificateError;
use std::{error::Error, io};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The name is not known.
    Name,
    /// Nobody listens there.
    Refused,
    /// Nobody answers in time.
    Silent,
    /// The proxy does not let through.
    Proxy,
    /// What answers is not HTTPS.
    NotTls,
    /// The certificate is of an authority that is not trusted.
    Authority,
    /// The certificate is for another name.
    CertificateName,
    /// The certificate is not good at this time, by the clock of this machine.
    CertificateTime,
    /// The tenant is not known.
    Tenant,
    /// The client or its secret is not known.
    Secret,
    /// Too many tries.
    Locked,
    /// The token is refused.
    Token,
    /// The client may not do it.
    Rights,
    /// What answers is no control plane.
    NotAControlPlane,
    /// Something else.
    Other,
}

impl Trouble {
    /// What an error shows to be wrong.
    pub fn of(error: &CloudError) -> Self {
        match error {
            CloudError::Transport { source, .. } => of_transport(source),
            CloudError::Refused { status, code, message, .. } => {
                of_refusal(*status, code.as_deref().unwrap_or_default(), message)
            }
            CloudError::Answer { .. } => Self::NotAControlPlane,
            CloudError::Credential { .. } => Self::Secret,
            CloudError::Authorities(_) | CloudError::Url { .. } => Self::Other,
        }
    }
}

fn of_refusal(status: u16, code: &str, message: &str) -> Trouble {
    match (status, code) {
        (_, "invalid_client" | "unauthorized_client") => Trouble::Secret,
        (_, "invalid_tenant") => Trouble::Tenant,
        _ if message.contains("AADSTS90002") => Trouble::Tenant,
        (429, "temporarily_unavailable") => Trouble::Locked,
        (401, _) => Trouble::Token,
        (403, _) => Trouble::Rights,
        (407, _) => Trouble::Proxy,
        (404 | 405, "") => Trouble::NotAControlPlane,
        _ => Trouble::Other,
    }
}

fn of_transport(error: &reqwest::Error) -> Trouble {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(trouble) = of_cause(error) {
            return trouble;
        }
        next = error.source();
    }
    if error.is_timeout() { Trouble::Silent } else { Trouble::Other }
}

fn of_cause(error: &(dyn Error + 'static)) -> Option<Trouble> {
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(of_tls(error));
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        // An error of TLS travels in those of the operating system's form, which do not show it as their source.
        if let Some(inner) = error.get_ref() {
            return of_cause(inner);
        }
        match error.kind() {
            io::ErrorKind::ConnectionRefused => return Some(Trouble::Refused),
            io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                return Some(Trouble::Silent);
            }
            _ => {}
        }
    }
    // These have no type that can be seen from here.
    let text = error.to_string().to_lowercase();
    if text.contains("dns error") {
        Some(Trouble::Name)
    } else if text.contains("tunnel") || text.contains("proxy") || text.contains("socks") {
        Some(Trouble::Proxy)
    } else {
        None
    }
}

fn of_tls(error: &rustls::Error) -> Trouble {
    match error {
        rustls::Error::InvalidCertificate(error) => match error {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Trouble::CertificateName
            }
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => Trouble::CertificateTime,
            _ => Trouble::Authority,
        },
        rustls::Error::InvalidMessage(_) => Trouble::NotTls,
        _ => Trouble::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_tls_is_found_however_deep_it_is_wrapped() {
        let of = |error: CertificateError| {
            let inner = io::Error::new(io::ErrorKind::InvalidData, rustls::Error::InvalidCertificate(error));
            of_cause(&io::Error::other(inner))
        };
        assert_eq!(of(CertificateError::UnknownIssuer), Some(Trouble::Authority));
        assert_eq!(of(CertificateError::BadSignature), Some(Trouble::Authority));
        assert_eq!(of(CertificateError::NotValidForName), Some(Trouble::CertificateName));
        assert_eq!(of(CertificateError::Expired), Some(Trouble::CertificateTime));
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(of_cause(&refused), Some(Trouble::Refused));
    }

    #[test]
    fn a_refusal_is_told_by_its_status_and_its_code() {
        for (status, code, message, trouble) in [
            (401, "invalid_client", "", Trouble::Secret),
            (400, "invalid_request", "AADSTS90002: Tenant 'x' not found.", Trouble::Tenant),
            (429, "temporarily_unavailable", "", Trouble::Locked),
            (401, "InvalidAuthenticationToken", "", Trouble::Token),
            (403, "AuthorizationFailed", "", Trouble::Rights),
            (404, "", "Not Found", Trouble::NotAControlPlane),
            (409, "Conflict", "", Trouble::Other),
        ] {
            assert_eq!(of_refusal(status, code, message), trouble, "{status} {code}");
        }
    }
}
