//! Tells a server of what happens to clusters: each event in order, at least once, signed.
//!
//! Source: the Standard Webhooks specification, 1.0.
use super::{
    Hub,
    store::{Event, StoreError},
};
use crate::error::Chain;
use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use serde_json::json;
use std::time::Duration;

/// Longest time for one delivery.
const PATIENCE: Duration = Duration::from_secs(20);
/// Time between looks for events.
const LOOK: Duration = Duration::from_secs(1);
/// First wait after a delivery that failed; it doubles.
const FIRST_WAIT: Duration = Duration::from_secs(2);
/// Longest wait after a delivery that failed.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// For how long one of several processes is the one that delivers, after it last did something.
const TURN: Duration = Duration::from_secs(60);
/// Events that are read at once.
const BATCH: u32 = 50;
/// Fewest bytes of a secret.
const MIN_SECRET: usize = 16;

/// Where events are told, and with what they are signed.
pub struct Webhook {
    client: reqwest::Client,
    url: url::Url,
    key: SecretSlice<u8>,
    /// What this process is called among several.
    own: String,
}

/// Why events cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The URL is none.
    #[error("the webhook's URL is no http or https URL with a host, or has a password in it")]
    Url,
    /// The secret is too short.
    #[error("the webhook's secret is shorter than {MIN_SECRET} bytes; make one with: head -c 32 /dev/urandom | base64")]
    Secret,
    /// There is no client.
    #[error("an HTTP client for the webhook cannot be made")]
    Client(#[source] reqwest::Error),
}

impl Webhook {
    /// A webhook. The secret is a text, or base64 after `whsec_`.
    ///
    /// # Errors
    /// When the URL is none or the secret is too short.
    pub fn new(url: &str, secret: &SecretString) -> Result<Self, WebhookError> {
        let url: url::Url = url.parse().ok().ok_or(WebhookError::Url)?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() || url.password().is_some() {
            return Err(WebhookError::Url);
        }
        let text = secret.expose_secret().trim();
        let key = match text.strip_prefix("whsec_") {
            Some(encoded) => STANDARD.decode(encoded).ok().ok_or(WebhookError::Secret)?,
            None => text.as_bytes().to_vec(),
        };
        if key.len() < MIN_SECRET {
            return Err(WebhookError::Secret);
        }
        let client = reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none());
        let client = client.user_agent(concat!("arcwright/", env!("CARGO_PKG_VERSION"))).build();
        let own = uuid::Uuid::new_v4().to_string();
        Ok(Self { client: client.map_err(WebhookError::Client)?, url, key: key.into(), own })
    }

    /// Delivers events until the hub is told to stop.
    pub(super) async fn deliver(self, hub: &Hub) {
        let mut wait = FIRST_WAIT;
        loop {
            let pause = match self.deliver_all(hub).await {
                Ok(()) => {
                    wait = FIRST_WAIT;
                    LOOK
                }
                Err(failed) => {
                    tracing::warn!(host = self.url.host_str(), error = %Chain(&failed), "an event was not delivered; trying again");
                    wait = (wait * 2).min(LONGEST_WAIT);
                    wait.mul_f64(0.75 + fastrand::f64() / 2.0)
                }
            };
            tokio::select! {
                // Cancel-safe: nothing is under way.
                () = tokio::time::sleep(pause) => {}
                () = hub.stopping.cancelled() => return,
            }
        }
    }

    /// Delivers what there is, where it is this process's turn.
    async fn deliver_all(&self, hub: &Hub) -> Result<(), DeliveryError> {
        loop {
            let now = hub.clock.now();
            if !hub.store.take_turn("webhook-turn", &self.own, now, TURN).await? {
                return Ok(());
            }
            // What happened before there was a webhook is nobody's news.
            let last = hub.store.last_event_number().await?;
            let told: i64 = hub.store.setting_or("webhook", &last.to_string()).await?.parse().unwrap_or(last);
            let events = hub.store.events_after(told, BATCH).await?;
            if events.is_empty() {
                return Ok(());
            }
            for event in events {
                self.tell(hub, &event, now).await?;
                hub.store.change_setting("webhook", &event.number.to_string()).await?;
            }
        }
    }

    async fn tell(&self, hub: &Hub, event: &Event, now: jiff::Timestamp) -> Result<(), DeliveryError> {
        let id = format!("{}-{}", hub.identity.tenant, event.number);
        let body = json!({
            "type": format!("cluster.{}", event.kind), "timestamp": event.at,
            "data": {"number": event.number, "resourceId": event.cluster, "before": event.before, "after": event.after},
        })
        .to_string();
        let at = now.as_second();
        let signature = self.signature(&id, at, &body);
        let request = self.client.post(self.url.clone()).header("content-type", "application/json");
        let request = request.header("webhook-id", id).header("webhook-timestamp", at.to_string());
        let sent = request.header("webhook-signature", signature).body(body).send().await;
        let status = sent.map_err(|error| DeliveryError::Transport(error.without_url()))?.status();
        // It is gone for good: nobody wants to hear it.
        if status.is_success() || status == reqwest::StatusCode::GONE {
            Ok(())
        } else {
            Err(DeliveryError::Refused(status.as_u16()))
        }
    }

    fn signature(&self, id: &str, at: i64, body: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.key.expose_secret());
        let tag = hmac::sign(&key, format!("{id}.{at}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(tag.as_ref()))
    }
}

/// Why an event was not delivered.
#[derive(Debug, thiserror::Error)]
enum DeliveryError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the webhook does not answer")]
    Transport(#[source] reqwest::Error),
    #[error("the webhook answered {0}")]
    Refused(u16),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_specification() {
        rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
        let secret = SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let webhook = Webhook::new("https://example.org/hook", &secret).expect("fine");
        let signature = webhook.signature("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn what_cannot_be_used_is_refused() {
        let long = SecretString::from("0123456789abcdef");
        for url in ["ftp://x", "https://", "https://me:pw@host/x", "x"] {
            assert!(matches!(Webhook::new(url, &long), Err(WebhookError::Url)), "{url}");
        }
        assert!(matches!(Webhook::new("https://host", &SecretString::from("short")), Err(WebhookError::Secret)));
    }
}
