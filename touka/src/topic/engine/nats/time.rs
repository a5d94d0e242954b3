//! Times in the requests and the replies of NATS.

use std::time::Duration;

/// The nanoseconds of a time, as requests have them.
pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Parses a time as in `2026-11-30T12:17:04.123456789Z`, to milliseconds of Unix time. Returns `None` for other texts, and
/// for times before 1970.
pub(super) fn parse_time(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.splitn(3, '-').map(|part| part.parse::<u64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let mut time = time.splitn(3, ':');
    let (hour, minute) = (time.next()?.parse::<u64>().ok()?, time.next()?.parse::<u64>().ok()?);
    let (second, fraction) = time.next().map(|second| second.split_once('.').unwrap_or((second, "0")))?;
    let second = second.parse::<u64>().ok()?;
    let fraction = format!("{fraction:0<3}").get(..3)?.parse::<u64>().ok()?;
    if !(1970..10_000).contains(&year)
        || !(1..=12).contains(&month)
        || !(1..=31).contains(&day)
        || hour > 24
        || minute > 60
        || second > 60
    {
        return None;
    }
    // Years begin in March here, so that the leap day is the last one.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day;
    // The days from the year 0 to 1970.
    let days = days.checked_sub(719_469)?;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + fraction)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_time_is_parsed(seconds in 0_u64..8_000_000_000) {
            let oracle = httpdate::HttpDate::from(UNIX_EPOCH + Duration::from_secs(seconds)).to_string();
            // As in `Sun, 06 Nov 1994 08:49:37 GMT`.
            let parts: Vec<_> = oracle.split(' ').collect();
            let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
            let month = months.iter().position(|name| *name == parts[2]).unwrap() + 1;
            let text = format!("{}-{month:02}-{}T{}", parts[3], parts[1], parts[4]);
            prop_assert_eq!(parse_time(&format!("{text}Z")), Some(seconds * 1000));
            prop_assert_eq!(parse_time(&format!("{text}.0129Z")), Some(seconds * 1000 + 12));
            prop_assert_eq!(parse_time(&format!("{text}.1Z")), Some(seconds * 1000 + 100));
        }

        #[test]
        fn other_texts_are_no_time(text in "[-0-9TZ:.]{0,30}", any in ".{0,30}") {
            let _ = (parse_time(&text), parse_time(&any));
        }
    }
}
