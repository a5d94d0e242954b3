//! The parts of a server's URL.

use std::net::Ipv6Addr;

/// Parses `host`, `host:port`, `[v6]` or `[v6]:port`. The error says what is wrong without quoting the text, of which any
/// part may be a password.
pub(in crate::topic::engine) fn host_and_port(text: &str, default_port: u16) -> Result<(String, u16), &'static str> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or("a `[` has no `]`")?;
        if host.parse::<Ipv6Addr>().is_err() {
            return Err("the address in brackets is not an IPv6 address");
        }
        (host, port)
    } else {
        text.split_at(text.find(':').unwrap_or(text.len()))
    };
    if host.is_empty() {
        return Err("it has no host");
    }
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => default_port,
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => match port.parse() {
            Ok(port) if port != 0 => port,
            _ => return Err("the port is not a number from 1 to 65535"),
        },
        _ => {
            return Err(
                "the port is not a number from 1 to 65535; an IPv6 address is written in brackets, and credentials end \
                 with an `@`",
            );
        }
    };
    Ok((host.to_owned(), port))
}

/// Decodes `%XX`. Returns `None` if it is incomplete or the result is not UTF-8.
pub(in crate::topic::engine) fn decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            let mut digit = || char::from(bytes.next()?).to_digit(16);
            u8::try_from(digit()? * 16 + digit()?).ok()?
        } else {
            byte
        });
    }
    String::from_utf8(decoded).ok()
}
