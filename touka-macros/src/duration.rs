//! The syntax of durations in options: `"15s"`, `"1h30m"`, `"250ms"`.

use std::time::Duration;

/// The units and their milliseconds, longest first.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

const FORM: &str = "a duration is a whole number with a unit (`ms`, `s`, `m`, `h` or `d`), as in \"15s\"";

/// Parses a duration, or returns an error message.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let mut total: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, behind) = rest.split_at(digits);
        let letters = behind.len() - behind.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let (unit, behind) = behind.split_at(letters);
        let number: u64 = number.parse().map_err(|_| fault(text, unit))?;
        let (_, millis) = UNITS.iter().find(|(known, _)| *known == unit).ok_or_else(|| fault(text, unit))?;
        let part = number.checked_mul(*millis);
        total = part.and_then(|part| total.checked_add(part)).ok_or("this duration is too long")?;
        rest = behind;
    }
    if text.is_empty() { Err(FORM.to_owned()) } else { Ok(Duration::from_millis(total)) }
}

/// The message about an invalid duration, with the remedy if the intention is clear.
fn fault(text: &str, unit: &str) -> String {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return format!("a duration needs a unit: \"{text}s\" for seconds, \"{text}ms\" for milliseconds");
    }
    let meant = match unit.to_ascii_lowercase().as_str() {
        "sec" | "secs" | "second" | "seconds" => "s",
        "min" | "mins" | "minute" | "minutes" => "m",
        "hour" | "hours" | "hr" | "hrs" => "h",
        "day" | "days" => "d",
        "milli" | "millis" | "millisecond" | "milliseconds" => "ms",
        _ => return FORM.to_owned(),
    };
    format!("the unit `{unit}` is written `{meant}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_parsed() {
        for (text, millis) in [
            ("15s", 15_000),
            ("0s", 0),
            ("250ms", 250),
            ("1h30m", 5_400_000),
            ("2d", 172_800_000),
            ("1m", 60_000),
            ("1s1ms", 1_001),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn messages_name_the_remedy() {
        for (text, part) in [
            ("", "\"15s\""),
            ("15", "\"15s\" for seconds"),
            ("15 s", "\"15s\""),
            ("1.5s", "whole number"),
            ("-1s", "whole number"),
            ("5sec", "written `s`"),
            ("2hours", "written `h`"),
            ("99999999999999999d", "too long"),
            ("s", "whole number"),
        ] {
            let fault = parse(text).expect_err(text);
            assert!(fault.contains(part), "{text:?}: {fault}");
        }
    }
}
