//! Cores, as Kubernetes writes quantities of them. Pure.

/// A quantity of cores in thousandths, as in `4`, `3920m` or `1.5`; none when it is something else.
///
/// Source: the Kubernetes API's `Quantity`, as far as nodes use it for cores.
pub(super) fn millicores(quantity: &str) -> Option<u64> {
    let quantity = quantity.trim();
    if let Some(thousandths) = quantity.strip_suffix('m') {
        return thousandths.parse().ok();
    }
    if let Some(thousands) = quantity.strip_suffix('k') {
        return thousands.parse::<u64>().ok()?.checked_mul(1_000_000);
    }
    let (whole, part) = quantity.split_once('.').unwrap_or((quantity, ""));
    if part.len() > 9 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part: u64 = format!("{part:0<3}").get(..3)?.parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::millicores;

    #[test]
    fn quantities_are_read_as_kubernetes_writes_them() {
        for (text, wanted) in [
            ("4", Some(4000)),
            ("3920m", Some(3920)),
            ("1.5", Some(1500)),
            ("0.25", Some(250)),
            ("2k", Some(2_000_000)),
        ] {
            assert_eq!(millicores(text), wanted, "{text}");
        }
        for wrong in ["", "four", "-1", "1.x", "1e3x", "99999999999999999999", "m"] {
            assert_eq!(millicores(wrong), None, "{wrong}");
        }
    }
}
