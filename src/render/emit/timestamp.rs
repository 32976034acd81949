//! Timestamps of YAML 1.1, in the forms that the YAML reader of Go (`go.yaml.in/yaml/v2`) knows.

/// Whether a text is a date, or a date and time: `2001-1-1`, `2001-12-14 21:59:43.1`,
/// `2001-12-14T21:59:43Z`, `2001-12-14t21:59:43.10-05:00`.
///
/// Fields other than the year have one or two digits; the day must exist in its month. A time after
/// `T` or `t` has a zone, one after spaces has none.
pub(super) fn is_timestamp(text: &str) -> bool {
    matches(text).is_some()
}

fn matches(text: &str) -> Option<()> {
    let (year, rest) = text.split_at_checked(4).filter(|(year, _)| year.bytes().all(|byte| byte.is_ascii_digit()))?;
    let (month, rest) = field(rest.strip_prefix('-')?)?;
    let (day, rest) = field(rest.strip_prefix('-')?)?;
    let days = days_in(year.parse().ok()?, month)?;
    let rest = if (1..=days).contains(&day) { rest } else { return None };
    if rest.trim_start_matches(' ').is_empty() {
        // Spaces alone may not follow a date, except in the form with a time, which then lacks it.
        return rest.is_empty().then_some(());
    }
    match rest.strip_prefix(['T', 't']) {
        Some(time) => zone(clock(time)?),
        None => {
            let time = rest.trim_start_matches(' ');
            (time.len() < rest.len() && clock(time)?.is_empty()).then_some(())
        }
    }
}

/// One or two digits, and what follows.
fn field(text: &str) -> Option<(u32, &str)> {
    let digits = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    Some((number.parse().ok()?, rest))
}

fn days_in(year: u32, month: u32) -> Option<u32> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => Some(if leap { 29 } else { 28 }),
        4 | 6 | 9 | 11 => Some(30),
        1..=12 => Some(31),
        _ => None,
    }
}

/// Hours, minutes, seconds and an optional fraction after a point or a comma; gives what follows.
fn clock(text: &str) -> Option<&str> {
    let (hour, rest) = field(text)?;
    let (minute, rest) = field(rest.strip_prefix(':')?)?;
    let (second, rest) = field(rest.strip_prefix(':')?)?;
    let fraction = rest.strip_prefix(['.', ',']).map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    let rest = fraction.filter(|after| after.len() + 1 < rest.len()).unwrap_or(rest);
    (hour < 24 && minute < 60 && second < 60).then_some(rest)
}

/// `Z`, or a sign with two digits of hours and two of minutes.
fn zone(text: &str) -> Option<()> {
    if text == "Z" {
        return Some(());
    }
    let (hour, minute) = text.strip_prefix(['+', '-'])?.split_once(':')?;
    let two_digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    // Go takes a zone of exactly 24 hours or 60 minutes.
    (two_digits(hour) && two_digits(minute) && hour <= "24" && minute <= "60").then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_a_timestamp() {
        for text in [
            "2001-1-1",
            "2001-12-14",
            "0000-2-29",
            "2000-02-29",
            "2001-12-14T21:59:43Z",
            "2001-12-14t21:59:43.10-05:00",
            "2001-1-4T1:2:3+24:60",
            "2001-12-14 21:59:43",
            "2001-12-14   21:59:43,5",
            "2001-12-14 1:2:3.123456789123",
        ] {
            assert!(is_timestamp(text), "{text:?}");
        }
    }

    #[test]
    fn knows_what_is_none() {
        for text in [
            "",
            "2001",
            "2001-",
            "2001-1",
            "201-1-1",
            "20011-1-1",
            "2001-13-1",
            "2001-0-1",
            "2001-02-29",
            "1900-2-29",
            "2001-1-32",
            "2001-1-0",
            "2001-1-1 ",
            "2001-12-14T21:59:43",
            "2001-12-14 21:59:43Z",
            "2001-12-14 24:00:00",
            "2001-12-14 21:59:43.",
            "2001-12-14 21:59",
            "2001-12-14T21:59:43+25:00",
            "2001-12-14T21:59:43+5:00",
            "2001-12-14T21:59:43z",
            "2001-001-1",
            "2001-1-001",
            "2001-1-1x",
            "é001-1-1",
            "2001-12-14é",
        ] {
            assert!(!is_timestamp(text), "{text:?}");
        }
    }
}
