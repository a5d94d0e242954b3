//! [`Form`], a way in which touka serves a stream.

use touka::server::Park;

/// A server for a stream, and its transport. A stream is the body of a handler, or a subscription of a topic:
/// the forms whose name begins with `Topic`, and the parked one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// hyper, for an HTTP/1.0 request.
    Http10,
    /// hyper, for a request whose body was not read to its end.
    UnreadRequest,
    /// A task of touka's, over TCP in cleartext.
    Tcp,
    /// A task of touka's, over TLS.
    Tls,
    /// A task of touka's, over a Unix socket.
    Unix,
    /// HTTP/2 in cleartext.
    Http2,
    /// HTTP/2 over TLS.
    Http2Tls,
    /// A shard instead of a task. Only plain TCP has this form.
    Parked,
    /// A subscription, as [`Http10`](Self::Http10).
    TopicHttp10,
    /// A subscription, as [`Tcp`](Self::Tcp), of a server that parks nothing.
    TopicTcp,
    /// A subscription, as [`Tls`](Self::Tls).
    TopicTls,
    /// A subscription, as [`Unix`](Self::Unix).
    TopicUnix,
    /// A subscription, as [`Http2`](Self::Http2).
    TopicHttp2,
}

/// The version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    Http10,
    Http11,
    Http2,
}

/// The kind of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Tcp,
    Tls,
    Unix,
}

/// How a client disconnects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    /// With a FIN.
    Close,
    /// With a reset.
    Reset,
}

/// More bytes than all buffers between server and client hold. The buffers of a connection's two sockets hold
/// about 400 KiB, and the window of an HTTP/2 stream 64 KiB.
pub(crate) const FLOOD: usize = 2 << 20;

impl Form {
    pub(crate) fn version(self) -> Version {
        match self {
            Self::Http10 | Self::TopicHttp10 => Version::Http10,
            Self::Http2 | Self::Http2Tls | Self::TopicHttp2 => Version::Http2,
            _ => Version::Http11,
        }
    }

    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Tls | Self::Http2Tls | Self::TopicTls => Kind::Tls,
            Self::Unix | Self::TopicUnix => Kind::Unix,
            _ => Kind::Tcp,
        }
    }

    /// Whether the stream is a subscription.
    pub(crate) fn follows_a_topic(self) -> bool {
        self.is_parked()
            || matches!(self, Self::TopicHttp10 | Self::TopicTcp | Self::TopicTls | Self::TopicUnix | Self::TopicHttp2)
    }

    pub(crate) fn is_parked(self) -> bool {
        self == Self::Parked
    }

    /// The server's setting. One form needs a server that never parks; the others are not parked anyway.
    pub(crate) fn park(self) -> Park {
        if self == Self::TopicTcp { Park::Never } else { Park::Auto }
    }

    /// The HTTP/1 request for a stream of this name.
    pub(crate) fn request(self, name: &str) -> String {
        match self {
            Self::Http10 | Self::TopicHttp10 => format!("GET /stream/{name} HTTP/1.0\r\nhost: test\r\n\r\n"),
            // Four of ten bytes.
            Self::UnreadRequest => {
                format!("POST /stream/{name} HTTP/1.1\r\nhost: test\r\ncontent-length: 10\r\n\r\nbody")
            }
            _ => format!("GET /stream/{name} HTTP/1.1\r\nhost: test\r\n\r\n"),
        }
    }

    /// The value of `transfer-encoding` in the head. HTTP/1.0 has no chunks, and HTTP/2 has frames of its
    /// own.
    pub(crate) fn transfer_encoding(self) -> Option<&'static str> {
        (self.version() == Version::Http11).then_some("chunked")
    }

    /// Whether a stream that was cut off looks different from one that has ended. HTTP/1.0 has no last chunk:
    /// both are the end of the connection.
    pub(crate) fn shows_a_cut(self) -> bool {
        self.version() != Version::Http10
    }

    /// The logged reason for which the stream cannot leave hyper. HTTP/2 streams never leave, and nothing is
    /// logged about that.
    pub(crate) fn reason_to_stay_in_hyper(self) -> Option<&'static str> {
        match self {
            Self::Http10 | Self::TopicHttp10 => Some("its request is not HTTP/1.1"),
            Self::UnreadRequest => Some("its request's body was not read to its end"),
            _ => None,
        }
    }

    /// The ways in which a client can disconnect. A Unix socket has no reset.
    pub(crate) fn leaves(self) -> &'static [Leave] {
        if self.kind() == Kind::Unix { &[Leave::Close] } else { &[Leave::Close, Leave::Reset] }
    }
}
