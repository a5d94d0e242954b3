//! Percent-encoding, in paths and queries.

use std::borrow::Cow;

/// Decodes a text of a URI. A `%` without two hex digits behind it stays as it is.
fn decode(text: &str, plus_is_space: bool) -> Cow<'_, [u8]> {
    let bytes = text.as_bytes();
    let is_special = |byte: u8| byte == b'%' || plus_is_space && byte == b'+';
    let Some(first) = bytes.iter().position(|&byte| is_special(byte)) else { return Cow::Borrowed(bytes) };
    let (plain, mut rest) = bytes.split_at(first);
    let mut decoded = Vec::with_capacity(bytes.len());
    decoded.extend_from_slice(plain);
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'+' && plus_is_space {
            decoded.push(b' ');
        } else if byte == b'%'
            && let &[high, low, ref after @ ..] = after
            && let (Some(high), Some(low)) = (hex(high), hex(low))
        {
            decoded.push(high << 4 | low);
            rest = after;
        } else {
            decoded.push(byte);
        }
    }
    Cow::Owned(decoded)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Decodes a segment of a path. `None` if it is not UTF-8.
pub(crate) fn segment(text: &str) -> Option<String> {
    String::from_utf8(decode(text, false).into_owned()).ok()
}

/// Decodes the name and the value of each parameter of a query, in order, as a form encodes them. Bytes that are
/// not UTF-8 become U+FFFD.
pub(super) fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (lossy(name), lossy(value))
    })
}

fn lossy(text: &str) -> Cow<'_, str> {
    match decode(text, true) {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The oracle is the crates of the authors of the URL standard.
        #[test]
        fn decodes_as_the_standard_does(text in "([a-c%+=&é]|%[0-9a-fA-F]{2}|%[eE]2%82%ac|%ff|[ -~]){0,12}") {
            let expected: Vec<_> = form_urlencoded::parse(text.as_bytes()).collect();
            prop_assert_eq!(pairs(&text).collect::<Vec<_>>(), expected);
            let expected = percent_encoding::percent_decode_str(&text).decode_utf8().ok().map(Cow::into_owned);
            prop_assert_eq!(segment(&text), expected);
        }
    }
}
