//! How long to wait after failures in a row.
use std::time::Duration;

/// The wait after a number of failures in a row: doubles from `first`, up to `most`. None counts as one.
pub fn backoff(first: Duration, failures: u32, most: Duration) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(failures.clamp(1, 16) - 1)).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_most() {
        let (first, most) = (Duration::from_secs(2), Duration::from_secs(60));
        let waits: Vec<u64> = (0..8).map(|failures| backoff(first, failures, most).as_secs()).collect();
        assert_eq!(waits, [2, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(backoff(first, u32::MAX, most), most);
    }
}
