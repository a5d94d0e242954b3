//! [`response_head`], which encodes the head of a response.

use std::time::SystemTime;

use bytes::{BufMut, BytesMut};
use http::{HeaderMap, StatusCode};

/// Encodes the head of a chunked response as hyper does. `closes` adds `connection: close`.
pub(in crate::server) fn response_head(status: StatusCode, headers: &HeaderMap, closes: bool) -> BytesMut {
    let mut head = BytesMut::with_capacity(512);
    head.put_slice(b"HTTP/1.1 ");
    head.put_slice(status.as_str().as_bytes());
    head.put_u8(b' ');
    head.put_slice(status.canonical_reason().unwrap_or("<none>").as_bytes());
    head.put_slice(b"\r\n");
    for (name, value) in headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            head.put_slice(part);
        }
    }
    if closes {
        head.put_slice(b"connection: close\r\n");
    }
    head.put_slice(b"transfer-encoding: chunked\r\ndate: ");
    head.put_slice(httpdate::fmt_http_date(SystemTime::now()).as_bytes());
    head.put_slice(b"\r\n\r\n");
    head
}
