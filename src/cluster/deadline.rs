//! How long an answer of the API server is waited for.
use super::ClusterError;
use std::{future::Future, time::Duration};

/// Longest time for the answer to a read.
pub(super) const READ: Duration = Duration::from_secs(15);
/// Longest time for the answer to a write.
pub(super) const WRITE: Duration = Duration::from_secs(30);

/// Waits for an answer, no longer than the deadline. `what` reads before "got no answer".
pub(super) async fn answered<T>(
    deadline: Duration,
    what: impl FnOnce() -> String,
    request: impl Future<Output = T>,
) -> Result<T, ClusterError> {
    let answer = tokio::time::timeout(deadline, request).await;
    answer.ok().ok_or_else(|| ClusterError::NoAnswer { what: what(), seconds: deadline.as_secs() })
}
