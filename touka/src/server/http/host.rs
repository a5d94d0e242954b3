//! Validation of the `Host` header.

/// Returns whether the value is empty or a host, with or without a port (RFC 9110, 7.2). RFC 9112, 3.2 requires a
/// 400 for any other value: a proxy may read a different host from it than a handler does.
pub(in crate::server) fn is_host(value: &[u8]) -> bool {
    let (name_is_host, rest) = if let Some(literal) = value.strip_prefix(b"[") {
        let Some(end) = memchr::memchr(b']', literal) else { return false };
        let (address, rest) = (&literal[..end], &literal[end + 1..]);
        (!address.is_empty() && address.iter().all(|byte| *byte == b':' || is_of_name(*byte)), rest)
    } else {
        let (name, rest) = value.split_at(memchr::memchr(b':', value).unwrap_or(value.len()));
        (name.iter().all(|byte| *byte == b'%' || is_of_name(*byte)), rest)
    };
    let port_is_number = match rest.split_first() {
        None => true,
        Some((b':', port)) => port.iter().all(u8::is_ascii_digit),
        Some(_) => false,
    };
    name_is_host && port_is_number
}

/// Whether the byte is an unreserved character or a delimiter within a name (RFC 3986, 2.2 and 2.3).
const fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'='
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_a_name_or_an_address_and_maybe_a_port() {
        for host in ["", "a", "a.example", "a_b:80", "203.0.113.7:3000", "[::1]", "[2001:db8::1]:443", "a:", "%C3%A9"] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for wrong in ["a b", "a/b", "a?b", "a#b", "u@a", "a:b", "a:80:80", "::1", "[::1", "[]", "[::1]x", "\"><b>", "é"]
        {
            assert!(!is_host(wrong.as_bytes()), "{wrong}");
        }
        assert!(!is_host(b"a\tb") && !is_host(b"\xff"));
    }
}
