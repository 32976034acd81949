//! Bounds how often anybody at an address asks for something that costs before it is known who asks.
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// Requests at once that an address may save up, in seconds of its rate.
const SAVED: f64 = 10.0;
/// Addresses that are remembered; beyond that, those with nothing used up are forgotten, and then all.
const REMEMBERED: usize = 20_000;

/// What each address has left. Kept by each process: it guards the processor, and is no truth to share.
pub(in crate::hub) struct Rate {
    per_second: f64,
    left: Mutex<HashMap<IpAddr, (f64, Instant)>>,
}

impl Rate {
    /// So many requests a second for each address; at least one.
    pub(in crate::hub) fn new(per_second: u32) -> Self {
        Self { per_second: f64::from(per_second.max(1)), left: Mutex::default() }
    }

    /// Takes a request of an address.
    ///
    /// # Errors
    /// When it has to wait, and for how long.
    pub(in crate::hub) fn take(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let most = self.per_second * SAVED;
        let mut all = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= REMEMBERED {
            all.retain(|_, (left, since)| self.refilled(*left, *since, now) < most);
            if all.len() >= REMEMBERED {
                all.clear();
            }
        }
        let entry = all.entry(network(address)).or_insert((most, now));
        let left = self.refilled(entry.0, entry.1, now);
        if left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - left) / self.per_second));
        }
        *entry = (left - 1.0, now);
        Ok(())
    }

    fn refilled(&self, left: f64, since: Instant, now: Instant) -> f64 {
        (left + now.saturating_duration_since(since).as_secs_f64() * self.per_second).min(self.per_second * SAVED)
    }
}

/// An address, or for IPv6 the network of one subscriber, who has all of its addresses.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !0 << 64)),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn an_address_that_asks_too_often_waits_and_the_others_do_not() {
        let (rate, now) = (Rate::new(2), Instant::now());
        for _ in 0..20 {
            assert_eq!(rate.take(address("192.0.2.1"), now), Ok(()));
        }
        assert_eq!(rate.take(address("192.0.2.1"), now), Err(Duration::from_millis(500)));
        assert_eq!(rate.take(address("192.0.2.2"), now), Ok(()));
        assert_eq!(rate.take(address("::ffff:192.0.2.1"), now), Err(Duration::from_millis(500)), "the same one");
        assert_eq!(rate.take(address("192.0.2.1"), now + Duration::from_millis(500)), Ok(()));
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one() {
        let (rate, now) = (Rate::new(1), Instant::now());
        for last in 0..10 {
            assert_eq!(rate.take(address(&format!("2001:db8::{last}")), now), Ok(()));
        }
        assert!(rate.take(address("2001:db8::ffff"), now).is_err());
        assert_eq!(rate.take(address("2001:db8:0:1::1"), now), Ok(()));
    }
}
