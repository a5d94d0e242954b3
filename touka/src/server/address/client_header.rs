//! [`ClientHeader`], the header in which a proxy names its client, and its parser.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName};

/// The header in which trusted proxies name their client, for
/// [`Server::client_header`](crate::server::Server::client_header).
///
/// ```
/// use touka::Server;
/// use touka::server::ClientHeader;
///
/// # fn main() -> touka::Result<()> {
/// let server = Server::new().trust_proxies(["10.0.0.0/8"])?.client_header(ClientHeader::Forwarded);
/// # drop(server);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientHeader {
    /// `X-Forwarded-For: 203.0.113.7, 10.0.0.2`, which most proxies support: each appends the address that its
    /// own client connected from.
    #[default]
    XForwardedFor,
    /// `Forwarded: for=203.0.113.7, for="[2001:db8::2]:443"`, as specified by RFC 7239.
    Forwarded,
}

impl fmt::Display for ClientHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::XForwardedFor => "X-Forwarded-For",
            Self::Forwarded => "Forwarded",
        })
    }
}

/// One hop of a request, as written by the proxy after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Hop {
    /// The address that the hop connected from. The port is 0 if the proxy does not name it.
    Known(SocketAddr),
    /// The hop connected over a Unix socket, which nginx writes as `unix:`.
    Unix,
    /// The proxy hides the hop: `unknown`, or an obfuscated name.
    Hidden,
}

/// Error for a header that no proxy writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) struct Malformed;

impl ClientHeader {
    pub(in crate::server) const fn name(self) -> HeaderName {
        match self {
            Self::XForwardedFor => HeaderName::from_static("x-forwarded-for"),
            Self::Forwarded => http::header::FORWARDED,
        }
    }

    /// Returns the hops of a request, the nearest first.
    ///
    /// A caller stops at the first hop that it does not trust: the client may have written everything beyond,
    /// so elements are parsed lazily.
    ///
    /// Elements are split at every comma, even within quotes: no address contains a comma, and an unclosed
    /// quote of a client must not swallow what a proxy has appended.
    pub(in crate::server) fn hops(self, headers: &HeaderMap) -> impl Iterator<Item = Result<Hop, Malformed>> {
        let lines = headers.get_all(self.name()).into_iter().rev();
        let elements = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        let elements = elements.map(<[u8]>::trim_ascii).filter(|element| !element.is_empty());
        elements.map(move |element| {
            let element = str::from_utf8(element).map_err(|_| Malformed)?;
            match self {
                Self::XForwardedFor => node(element),
                Self::Forwarded => forwarded(element),
            }
        })
    }
}

/// Parses one element of `Forwarded` (RFC 7239, 4): pairs separated by semicolons. An element without `for`
/// hides its hop.
fn forwarded(element: &str) -> Result<Hop, Malformed> {
    let mut found = None;
    for pair in element.split(';').map(str::trim_ascii).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or(Malformed)?;
        let value = value_of(value)?;
        if !name.is_empty() && name.bytes().all(is_of_token) {
            if name.eq_ignore_ascii_case("for") && found.replace(node(&value)?).is_some() {
                return Err(Malformed);
            }
        } else {
            return Err(Malformed);
        }
    }
    Ok(found.unwrap_or(Hop::Hidden))
}

/// Parses a token or a quoted string. Delimiters and quotes are rejected within a quoted string: two parsers
/// could disagree about where it ends.
fn value_of(text: &str) -> Result<String, Malformed> {
    let Some(quoted) = text.strip_prefix('"') else {
        // Colons and brackets are not token characters, but proxies write addresses without quotes.
        let is_plain = text.bytes().all(|byte| is_of_token(byte) || matches!(byte, b':' | b'[' | b']' | b'/'));
        return if is_plain && !text.is_empty() { Ok(text.to_owned()) } else { Err(Malformed) };
    };
    let mut quoted = quoted.strip_suffix('"').ok_or(Malformed)?.chars();
    let mut value = String::new();
    while let Some(char) = quoted.next() {
        let char = if char == '\\' { quoted.next().ok_or(Malformed)? } else { char };
        if matches!(char, '"' | '\\' | ',' | ';' | '=') || char.is_control() {
            return Err(Malformed);
        }
        value.push(char);
    }
    Ok(value)
}

/// Whether a byte may occur in a token (RFC 9110, 5.6.2).
const fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}

/// Parses a node (RFC 7239, 6): an address, with or without a port, or an obfuscated name.
fn node(text: &str) -> Result<Hop, Malformed> {
    if text == "unix:" {
        return Ok(Hop::Unix);
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(Hop::Known(SocketAddr::new(address.to_canonical(), 0)));
    }
    let (name, port) = match text.strip_prefix('[').map(|rest| rest.split_once(']').ok_or(Malformed)).transpose()? {
        Some((address, "")) => (address, None),
        Some((address, rest)) => (address, Some(rest.strip_prefix(':').ok_or(Malformed)?)),
        None => text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port))),
    };
    let port = port.map_or(Ok(0), port_of)?;
    let is_in_brackets = text.starts_with('[');
    if let Ok(address) = name.parse::<IpAddr>()
        && address.is_ipv6() == is_in_brackets
    {
        return Ok(Hop::Known(SocketAddr::new(address.to_canonical(), port)));
    }
    let is_hidden = name.eq_ignore_ascii_case("unknown") || is_made_up(name);
    if is_hidden && !is_in_brackets { Ok(Hop::Hidden) } else { Err(Malformed) }
}

/// Parses a port. An obfuscated port is read as 0.
fn port_of(text: &str) -> Result<u16, Malformed> {
    if is_made_up(text) {
        return Ok(0);
    }
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number).ok_or(Malformed)
}

/// Whether the name is an obfuscated identifier (RFC 7239, 6.3): an underscore and at least one more character.
fn is_made_up(name: &str) -> bool {
    let rest = name.strip_prefix('_').unwrap_or_default();
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    !rest.is_empty() && rest.bytes().all(is_of_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hops(header: ClientHeader, lines: &[&str]) -> Vec<Result<Hop, Malformed>> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header.name(), http::HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        header.hops(&headers).collect()
    }

    #[expect(clippy::unnecessary_wraps, reason = "it is compared with what was read")]
    fn known(address: &str) -> Result<Hop, Malformed> {
        Ok(Hop::Known(address.parse().unwrap()))
    }

    #[test]
    fn x_forwarded_for_is_read_from_its_end() {
        let x = ClientHeader::XForwardedFor;
        assert_eq!(hops(x, &["203.0.113.7, 10.0.0.2"]), [known("10.0.0.2:0"), known("203.0.113.7:0")]);
        assert_eq!(hops(x, &["203.0.113.7", "10.0.0.2"]), [known("10.0.0.2:0"), known("203.0.113.7:0")]);
        assert_eq!(hops(x, &[" , 203.0.113.7:50812 ,"]), [known("203.0.113.7:50812")]);
        assert_eq!(hops(x, &["2001:db8::1"]), [known("[2001:db8::1]:0")]);
        assert_eq!(hops(x, &["[2001:db8::1]"]), [known("[2001:db8::1]:0")]);
        assert_eq!(hops(x, &["[2001:db8::1]:443"]), [known("[2001:db8::1]:443")]);
        assert_eq!(hops(x, &["::ffff:203.0.113.7"]), [known("203.0.113.7:0")]);
        assert_eq!(hops(x, &["unknown"]), [Ok(Hop::Hidden)]);
        assert_eq!(hops(x, &["203.0.113.7, unix:"]), [Ok(Hop::Unix), known("203.0.113.7:0")]);
        for wrong in ["localhost", "203.0.113", "203.0.113.7:", "203.0.113.7:99999", "203.0.113.7:+1", "[203.0.113.7]"]
        {
            assert_eq!(hops(x, &[wrong]), [Err(Malformed)], "{wrong}");
        }
        assert_eq!(hops(x, &["\u{e9}"]), [Err(Malformed)]);
        assert_eq!(hops(x, &["[::1", "[::1]x", "[]", "[unknown]"]), [Err(Malformed); 4]);
        assert_eq!(hops(x, &[]), []);
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_has_it() {
        let f = ClientHeader::Forwarded;
        assert_eq!(hops(f, &["for=192.0.2.43"]), [known("192.0.2.43:0")]);
        assert_eq!(hops(f, &["For=\"192.0.2.43\";proto=https;by=203.0.113.43"]), [known("192.0.2.43:0")]);
        assert_eq!(hops(f, &["proto=http; FOR=\"[2001:db8:cafe::17]:4711\""]), [known("[2001:db8:cafe::17]:4711")]);
        assert_eq!(hops(f, &["for=192.0.2.1, for=198.51.100.1"]), [known("198.51.100.1:0"), known("192.0.2.1:0")]);
        assert_eq!(hops(f, &["for=192.0.2.1;host=a", "for=\"198.51.100.1:80\""])[0], known("198.51.100.1:80"));
        assert_eq!(hops(f, &["for=\"192.0.2.\\43\""]), [known("192.0.2.43:0")]);
        assert_eq!(hops(f, &["for=\"192.0.2.43:_gazonk\""]), [known("192.0.2.43:0")]);
        for hidden in ["for=unknown", "for=_gazonk", "for=\"_SEVKISEK:1\"", "by=203.0.113.43", "proto=https"] {
            assert_eq!(hops(f, &[hidden]), [Ok(Hop::Hidden)], "{hidden}");
        }
        for wrong in
            ["192.0.2.43", "for", "for=", "for=\"\"", "for=\"1.2.3.4", "for=1.2.3.4\"", "for=1.2.3.4;for=5.6.7.8"]
        {
            assert_eq!(hops(f, &[wrong]), [Err(Malformed)], "{wrong}");
        }
        for wrong in ["=1.2.3.4", "for =1.2.3.4", "for=1.2.3.4;host=\"a;b\"", "for=\"1.2.3.4\\\"", "for=a b", "for=_"] {
            assert_eq!(hops(f, &[wrong])[0], Err(Malformed), "{wrong}");
        }
    }

    /// A client can send anything before the part that a proxy appends.
    #[test]
    fn a_clients_own_words_change_nothing_of_what_a_proxy_appends() {
        let own = ["for=\"", "for=\"a, for=1.2.3.4", "\"", "\\", ";;;", "for=1.2.3.4;host=\"", "\u{7f}", "for=\"\\"];
        for own in own {
            let own = own.replace('\u{7f}', "");
            let line = format!("{own}, for=\"[2001:db8::1]\"");
            assert_eq!(hops(ClientHeader::Forwarded, &[&line])[0], known("[2001:db8::1]:0"), "{line}");
        }
        // A client's text that a proxy quotes is not read as an element.
        for host in ["a, for=1.2.3.4", "a, for=1.2.3.4;x=", "a, for=\\\"1.2.3.4\\\""] {
            let line = format!("for=192.0.2.1;host=\"{host}\"");
            assert_eq!(hops(ClientHeader::Forwarded, &[&line])[0], Err(Malformed), "{line}");
        }
    }
}
