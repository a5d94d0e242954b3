//! [`connect`], which opens a socket to Redis: TCP, TLS or Unix.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::options::Redis;
use super::target::Address;

/// An open socket of any kind.
pub(super) type Socket = Box<dyn Io>;

pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

// A peer that vanishes sends no FIN. A listening connection sends nothing either, so only these probes find out: after
// 10 + 2 × 5 seconds the socket has an error.
const KEEP_ALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEP_ALIVE_RETRIES: u32 = 2;
/// Bounds the retransmission of sent data as well. The kernel sends no probes meanwhile, and goes on for 15 minutes by
/// default.
#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
const USER_TIMEOUT: Duration = Duration::from_secs(20);

/// Opens sockets, over TLS if the URL says so.
///
/// This is not left to the crate `redis`. Its TLS asks rustls for the default crypto provider of the process, which
/// panics when the app's dependencies enable two; and it reads the certificates of the operating system at each
/// connect, on the thread of the runtime.
pub(super) struct Sockets {
    #[cfg(feature = "tls")]
    tls: Option<tls::Connector>,
}

impl Sockets {
    #[cfg_attr(not(feature = "tls"), expect(unused_variables, reason = "both are for TLS"))]
    pub(super) fn new(tls: bool, options: &Redis) -> Self {
        Self {
            #[cfg(feature = "tls")]
            tls: tls.then(|| tls::Connector::new(options.tls_config.clone())),
        }
    }

    /// Opens a socket. There is no deadline here; the caller sets one.
    pub(super) async fn connect(&self, address: &Address) -> io::Result<Socket> {
        let (host, port) = match address {
            Address::Tcp { host, port } => (host.as_str(), *port),
            #[cfg(unix)]
            Address::Unix(path) => return Ok(Box::new(tokio::net::UnixStream::connect(path).await?)),
        };
        let socket = TcpStream::connect((host, port)).await?;
        socket.set_nodelay(true)?;
        let keep_alive = TcpKeepalive::new()
            .with_time(KEEP_ALIVE_IDLE)
            .with_interval(KEEP_ALIVE_INTERVAL)
            .with_retries(KEEP_ALIVE_RETRIES);
        SockRef::from(&socket).set_tcp_keepalive(&keep_alive)?;
        #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
        SockRef::from(&socket).set_tcp_user_timeout(Some(USER_TIMEOUT))?;
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return tls.connect(host, socket).await;
        }
        Ok(Box::new(socket))
    }
}

#[cfg(feature = "tls")]
mod tls {
    use std::io;
    use std::sync::Arc;

    use tokio::net::TcpStream;
    use tokio::sync::OnceCell;
    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::crypto::ring::default_provider;
    use tokio_rustls::rustls::pki_types::ServerName;
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};

    use super::Socket;

    /// Shakes hands with a server, and reads the certificates of the operating system before the first time.
    pub(super) struct Connector(OnceCell<Arc<ClientConfig>>);

    impl Connector {
        pub(super) fn new(config: Option<Arc<ClientConfig>>) -> Self {
            Self(OnceCell::new_with(config))
        }

        pub(super) async fn connect(&self, host: &str, socket: TcpStream) -> io::Result<Socket> {
            let name = ServerName::try_from(host.to_owned())
                .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "TLS needs a host name or an IP address"))?;
            let config = self.0.get_or_try_init(async || {
                tokio::task::spawn_blocking(system_config).await.map_err(io::Error::other)?
            });
            let config = Arc::clone(config.await?);
            Ok(Box::new(TlsConnector::from(config).connect(name, socket).await?))
        }
    }

    /// A configuration that trusts the certificate authorities of the operating system.
    fn system_config() -> io::Result<Arc<ClientConfig>> {
        let found = rustls_native_certs::load_native_certs();
        let mut authorities = RootCertStore::empty();
        // A certificate that cannot be read is not trusted; the others are.
        authorities.add_parsable_certificates(found.certs);
        if authorities.is_empty() {
            let why = found.errors.first().map_or_else(String::new, |error| format!(": {error}"));
            return Err(io::Error::other(format!(
                "the operating system has no certificate authorities{why}; install ca-certificates, or use \
                 `touka::topic::Redis::tls_config`"
            )));
        }
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(authorities)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }
}
