//! The PROXY protocol, versions 1 and 2: a header that names the client, before the client's own bytes.
//!
//! <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt};

/// The first bytes of a version 2 header. Version 1 is a line of text that begins with `PROXY `.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Maximum length of a version 1 line, including its end.
const MAX_LINE_LENGTH: usize = 107;

/// Length of two IPv6 addresses with their ports, the most that is parsed of version 2.
const MAX_ADDRESSES_LENGTH: usize = 36;

/// The client that a header names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Named {
    Client(SocketAddr),
    /// No client: the proxy connects for itself, as for health checks, or for a client without an IP address.
    Unnamed,
}

/// Reads the header of a connection and not one byte more: the bytes after it may be TLS.
///
/// # Errors
/// The header is malformed or missing, or the connection has ended.
pub(in crate::server) async fn read_header<I: AsyncRead + Unpin>(io: &mut I) -> io::Result<Named> {
    // Both versions are longer than this.
    let mut start = [0; SIGNATURE.len()];
    io.read_exact(&mut start).await?;
    if start == *SIGNATURE { read_v2(io).await } else { read_v1(start, io).await }
}

async fn read_v1<I: AsyncRead + Unpin>(start: [u8; 12], io: &mut I) -> io::Result<Named> {
    if !start.starts_with(b"PROXY ") {
        return Err(malformed("the header is missing"));
    }
    let mut line = [0; MAX_LINE_LENGTH];
    line[..start.len()].copy_from_slice(&start);
    let mut length = start.len();
    while !line[..length].ends_with(b"\r\n") {
        // The end of the line is one byte away or at least two, so this never reads past it.
        let next = if line[..length].ends_with(b"\r") { 1 } else { 2 };
        let space = line.get_mut(length..length + next).ok_or_else(|| malformed("the header line is too long"))?;
        io.read_exact(space).await?;
        length += next;
    }
    let line = str::from_utf8(&line[..length - 2]).map_err(|_| malformed("the header line is not UTF-8"))?;
    parse_v1(line).ok_or_else(|| malformed("the header line is malformed"))
}

/// Parses a line without its end: `PROXY TCP4 203.0.113.7 198.51.100.1 50812 443`.
fn parse_v1(line: &str) -> Option<Named> {
    let mut words = line.strip_prefix("PROXY ")?.split(' ');
    let family = words.next()?;
    if family == "UNKNOWN" {
        // The specification has the rest of the line ignored.
        return Some(Named::Unnamed);
    }
    let address = |text: &str| match family {
        "TCP4" => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        "TCP6" => text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        _ => None,
    };
    let port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u16>().ok())?;
    let (source, _, from, _) =
        (address(words.next()?)?, address(words.next()?)?, port(words.next()?)?, port(words.next()?)?);
    words.next().is_none().then(|| Named::Client(SocketAddr::new(source.to_canonical(), from)))
}

async fn read_v2<I: AsyncRead + Unpin>(io: &mut I) -> io::Result<Named> {
    let mut head = [0; 4];
    io.read_exact(&mut head).await?;
    let [command, family, length @ ..] = head;
    let length = usize::from(u16::from_be_bytes(length));
    let mut addresses = [0; MAX_ADDRESSES_LENGTH];
    let known = length.min(MAX_ADDRESSES_LENGTH);
    io.read_exact(&mut addresses[..known]).await?;
    // Longer addresses of Unix sockets, and extensions.
    skip(io, length - known).await?;
    match command {
        // LOCAL: the addresses must be ignored.
        0x20 => Ok(Named::Unnamed),
        0x21 => parse_v2(family, &addresses[..known]).ok_or_else(|| malformed("the addresses are malformed")),
        _ => Err(malformed("unknown version or command")),
    }
}

/// Parses the addresses of version 2. The upper half of `family` is the address family, the lower half the kind
/// of socket.
fn parse_v2(family: u8, addresses: &[u8]) -> Option<Named> {
    let port = |at: usize| Some(u16::from_be_bytes(*addresses.get(at..)?.first_chunk()?));
    match family {
        // Unspecified, or a Unix socket.
        0x00 | 0x31 => Some(Named::Unnamed),
        0x11 => {
            let source = Ipv4Addr::from(*addresses.first_chunk::<4>()?);
            // Both addresses and both ports must be present.
            port(10)?;
            Some(Named::Client(SocketAddr::new(source.into(), port(8)?)))
        }
        0x21 => {
            let source = IpAddr::V6(Ipv6Addr::from(*addresses.first_chunk::<16>()?)).to_canonical();
            port(34)?;
            Some(Named::Client(SocketAddr::new(source, port(32)?)))
        }
        // Datagrams cannot come over this socket.
        _ => None,
    }
}

async fn skip<I: AsyncRead + Unpin>(io: &mut I, mut length: usize) -> io::Result<()> {
    let mut skipped = [0; 256];
    while length > 0 {
        let part = length.min(skipped.len());
        io.read_exact(&mut skipped[..part]).await?;
        length -= part;
    }
    Ok(())
}

fn malformed(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the client that the header names, and the bytes after the header.
    async fn read(bytes: &[u8]) -> (Option<Named>, Vec<u8>) {
        let mut rest = bytes;
        let read = read_header(&mut rest).await.ok();
        (read, rest.to_vec())
    }

    #[expect(clippy::unnecessary_wraps, reason = "it is compared with what was read")]
    fn is(client: &str) -> Option<Named> {
        Some(Named::Client(client.parse().unwrap()))
    }

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, rest].concat()
    }

    #[tokio::test]
    async fn version_1_is_a_line() {
        for (line, client) in [
            ("PROXY TCP4 203.0.113.7 198.51.100.1 50812 443", is("203.0.113.7:50812")),
            ("PROXY TCP6 2001:db8::7 2001:db8::1 1 65535", is("[2001:db8::7]:1")),
            ("PROXY TCP6 ::ffff:203.0.113.7 ::1 1 2", is("203.0.113.7:1")),
            ("PROXY UNKNOWN", Some(Named::Unnamed)),
            ("PROXY UNKNOWN whatever this may be", Some(Named::Unnamed)),
        ] {
            for rest in ["", "G", "\r\n", "GET / HTTP/1.1\r\n"] {
                assert_eq!(read(format!("{line}\r\n{rest}").as_bytes()).await, (client, rest.into()), "{line}");
            }
        }
        for line in [
            "PROXY TCP4 203.0.113.7 198.51.100.1 50812",
            "PROXY TCP4 203.0.113.7 198.51.100.1 50812 443 1",
            "PROXY TCP4  203.0.113.7 198.51.100.1 50812 443",
            "PROXY TCP4 2001:db8::7 2001:db8::1 1 2",
            "PROXY TCP6 203.0.113.7 198.51.100.1 1 2",
            "PROXY TCP4 203.0.113.7 198.51.100.1 +1 2",
            "PROXY TCP4 203.0.113.7 198.51.100.1 1 65536",
            "PROXY TCP4 203.0.113.7 198.51.100.1 1 \n",
            "PROXY UDP4 203.0.113.7 198.51.100.1 1 2",
            "PROXY unknown",
            "proxy UNKNOWN",
            "GET / HTTP/1.1",
        ] {
            assert_eq!(read(format!("{line}\r\n").as_bytes()).await.0, None, "{line}");
        }
        assert_eq!(
            read(("PROXY UNKNOWN ".to_owned() + &"x".repeat(91) + "\r\n").as_bytes()).await.0,
            Some(Named::Unnamed)
        );
        assert_eq!(read(("PROXY UNKNOWN ".to_owned() + &"x".repeat(92) + "\r\n").as_bytes()).await.0, None);
        assert_eq!(read(("PROXY UNKNOWN ".to_owned() + &"x".repeat(9000)).as_bytes()).await.0, None);
        assert_eq!(read(b"PROXY TCP4 203.0.113.7").await.0, None);
        assert_eq!(read(b"PROXY \xff\xff\xff\xff\xff\xff\r\n").await.0, None);
    }

    #[tokio::test]
    async fn version_2_is_binary() {
        let v4 = [203, 0, 113, 7, 198, 51, 100, 1, 0, 80, 1, 187];
        let v6 = [&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7][..], &[0; 16], &[0, 80, 1, 187]].concat();
        let more = |addresses: &[u8], length: usize| [addresses, &vec![4; length]].concat();
        for (header, client) in [
            (v2(0x21, 0x11, &v4), is("203.0.113.7:80")),
            (v2(0x21, 0x11, &more(&v4, 1000)), is("203.0.113.7:80")),
            (v2(0x21, 0x21, &v6), is("[2001:db8::7]:80")),
            (v2(0x21, 0x21, &more(&v6, 65_000)), is("[2001:db8::7]:80")),
            (v2(0x21, 0x31, &[b'/'; 216]), Some(Named::Unnamed)),
            (v2(0x21, 0x00, b""), Some(Named::Unnamed)),
            (v2(0x20, 0x00, b""), Some(Named::Unnamed)),
            (v2(0x20, 0x11, &v4), Some(Named::Unnamed)),
            (v2(0x20, 0xff, b"anything"), Some(Named::Unnamed)),
            (v2(0x21, 0x11, &v4[..11]), None),
            (v2(0x21, 0x21, &v6[..35]), None),
            (v2(0x21, 0x12, &v4), None),
            (v2(0x21, 0x41, &v6), None),
            (v2(0x22, 0x11, &v4), None),
            (v2(0x11, 0x11, &v4), None),
        ] {
            let (read, rest) = read(&[&header[..], b"GET"].concat()).await;
            assert_eq!((read, &rest[..]), (client, &b"GET"[..]), "{header:?}");
        }
        let whole = v2(0x21, 0x11, &more(&v4, 10));
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length]).await.0, None, "cut after {length} bytes");
        }
    }
}
