//! Who may vouch for an https server: the system's authorities, and those that the configuration names.
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _},
    server::ParsedCertificate,
};
use std::sync::{Arc, OnceLock};

/// Most bytes of a bundle.
const MAX_BYTES: usize = 1 << 20;

/// Settings for a connection that trusts the system's authorities and those in `bundle`, a PEM text.
///
/// # Errors
/// Says why the bundle cannot be used.
pub(super) fn client_config(bundle: Option<&str>) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = system();
    let named = bundle.map(certificates).transpose()?.unwrap_or_default();
    for certificate in &named {
        roots
            .add(certificate.clone())
            .map_err(|error| format!("a certificate in httpsCACert cannot be used: {error}"))?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    if roots.is_empty() {
        return Err("this system has no authorities, and httpsCACert names none".to_owned());
    }
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
    let inner = inner.map_err(|error| error.to_string())?;
    let verifier = Verifier { inner, named, provider };
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

fn certificates(bundle: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    if bundle.len() > MAX_BYTES {
        return Err(format!("httpsCACert is longer than {MAX_BYTES} bytes"));
    }
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bundle.as_bytes()).collect();
    let read = read.ok().ok_or_else(|| "httpsCACert is no PEM text".to_owned())?;
    if read.is_empty() { Err("httpsCACert holds no certificate".to_owned()) } else { Ok(read) }
}

/// The system's authorities, read once.
fn system() -> RootCertStore {
    static SYSTEM: OnceLock<RootCertStore> = OnceLock::new();
    SYSTEM
        .get_or_init(|| {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            roots
        })
        .clone()
}

/// The usual check, and besides it a server's own certificate that is named as an authority.
///
/// People give a self-signed certificate of their server as its authority. Go, OpenSSL and curl accept
/// that; the usual check here does not.
#[derive(Debug)]
struct Verifier {
    inner: Arc<WebPkiServerVerifier>,
    named: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let usual = self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match usual {
            Err(error) if self.named.iter().any(|named| named == end_entity) => {
                if !is_in_its_time(end_entity, now) {
                    return Err(Error::InvalidCertificate(CertificateError::Expired));
                }
                if matches!(error, Error::InvalidCertificate(CertificateError::Revoked)) {
                    return Err(error);
                }
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn is_in_its_time(certificate: &CertificateDer<'_>, now: UnixTime) -> bool {
    let times = || {
        let certificate = openssl::x509::X509::from_der(certificate).ok()?;
        let now = openssl::asn1::Asn1Time::from_unix(i64::try_from(now.as_secs()).ok()?).ok()?;
        Some(certificate.not_before() <= now && certificate.not_after() >= now)
    };
    times().unwrap_or(false)
}

/// What to say of a certificate that was refused.
pub(super) fn told(error: &Error) -> Option<String> {
    let Error::InvalidCertificate(why) = error else { return None };
    let hint = match why {
        CertificateError::UnknownIssuer => {
            "nobody known signed it; give the authority that did in httpsCACert".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => format!("it has expired ({why})"),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("it is for another host ({why})")
        }
        other => other.to_string(),
    };
    Some(super::text::tame(hint.as_bytes()))
}
