//! [`Tls`], a server certificate and its private key.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

pub use tokio_rustls::rustls;

use super::maybe_tls::MaybeTls;
use super::stall::{Io, Stall};
use crate::error::{Error, Result};
use crate::sync::RwLock;

/// A certificate and its private key: [`Server::tls`](crate::server::Server::tls) serves over TLS 1.2 and 1.3
/// with it. Clients choose between HTTP/2 and HTTP/1.1 by ALPN.
///
/// ```no_run
/// use touka::server::Tls;
/// use touka::{Router, Server};
///
/// # async fn run() -> touka::Result<()> {
/// let tls = Tls::from_pem_files("/etc/ssl/fullchain.pem", "/etc/ssl/privkey.pem")?;
/// Server::new().tls(tls).serve("[::]:443", Router::new()).await
/// # }
/// ```
///
/// # A renewed certificate
/// Clones share one certificate. Keep a clone, and [`set_pem_files`](Self::set_pem_files),
/// [`set_pem`](Self::set_pem) or [`set_config`](Self::set_config) replaces it while the server runs. Handshakes
/// that begin afterwards use the new certificate. Open connections and their streams go on. A certificate that
/// cannot be used is an error, and the old one stays.
///
/// ```no_run
/// use std::time::Duration;
/// use touka::server::Tls;
///
/// /// Reads the files again twice a day.
/// async fn renew(tls: Tls) {
///     loop {
///         tokio::time::sleep(Duration::from_secs(12 * 60 * 60)).await;
///         if let Err(error) = tls.set_pem_files("/etc/ssl/fullchain.pem", "/etc/ssl/privkey.pem") {
///             eprintln!("the old certificate stays: {error}");
///         }
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Tls {
    /// Read once for each handshake.
    config: Arc<RwLock<Arc<ServerConfig>>>,
}

impl Tls {
    /// Reads the certificate, followed by its intermediates, and the private key from the bytes of two PEM files.
    ///
    /// # Errors
    /// One of them is not PEM or has nothing of its kind, or the key is not the certificate's;
    /// [`Error::is_tls`].
    pub fn from_pem(certificate: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Result<Self> {
        Ok(Self::new(from_bytes(certificate.as_ref(), key.as_ref())?))
    }

    /// Reads two PEM files: the certificate, followed by its intermediates, and the private key.
    ///
    /// # Errors
    /// A file cannot be read or has nothing of its kind, or the key is not the certificate's;
    /// the message names the file. [`Error::is_tls`].
    pub fn from_pem_files(certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self> {
        Ok(Self::new(from_files(certificate.as_ref(), key.as_ref())?))
    }

    /// Takes a configuration of rustls, for what PEM files cannot say: client certificates, a certificate for each
    /// name, another crypto provider.
    ///
    /// Its `alpn_protocols` are replaced by those that this server speaks. [`rustls`] is the version to build it
    /// with.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use touka::server::Tls;
    /// use touka::server::rustls::ServerConfig;
    /// use touka::server::rustls::crypto::ring::default_provider;
    /// use touka::server::rustls::server::ResolvesServerCertUsingSni;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let by_name = ResolvesServerCertUsingSni::new();
    /// let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
    ///     .with_safe_default_protocol_versions()?
    ///     .with_no_client_auth()
    ///     .with_cert_resolver(Arc::new(by_name));
    /// let tls = Tls::from_config(config);
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_config(config: ServerConfig) -> Self {
        Self::new(config)
    }

    /// Replaces the certificate of all clones: [`from_pem`](Self::from_pem).
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem). The old certificate stays.
    pub fn set_pem(&self, certificate: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Result<()> {
        self.set_config(from_bytes(certificate.as_ref(), key.as_ref())?);
        Ok(())
    }

    /// Replaces the certificate of all clones: [`from_pem_files`](Self::from_pem_files). It blocks the thread while
    /// it reads the files.
    ///
    /// # Errors
    /// As [`from_pem_files`](Self::from_pem_files). The old certificate stays.
    pub fn set_pem_files(&self, certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<()> {
        self.set_config(from_files(certificate.as_ref(), key.as_ref())?);
        Ok(())
    }

    /// Replaces the configuration of all clones: [`from_config`](Self::from_config).
    pub fn set_config(&self, config: ServerConfig) {
        *self.config.write() = with_alpn(config);
    }

    fn new(config: ServerConfig) -> Self {
        Self { config: Arc::new(RwLock::new(with_alpn(config))) }
    }

    /// Shakes hands with one client. There is no deadline here; the caller sets one.
    pub(in crate::server) async fn accept<I: Io>(&self, socket: Stall<I>) -> std::io::Result<MaybeTls<I>> {
        let config = Arc::clone(&self.config.read());
        Ok(MaybeTls::Tls(Box::new(TlsAcceptor::from(config).accept(socket).await?)))
    }
}

fn with_alpn(mut config: ServerConfig) -> Arc<ServerConfig> {
    config.alpn_protocols.clear();
    #[cfg(feature = "http2")]
    config.alpn_protocols.push(b"h2".to_vec());
    config.alpn_protocols.push(b"http/1.1".to_vec());
    Arc::new(config)
}

fn from_bytes(certificate: &[u8], key: &[u8]) -> Result<ServerConfig> {
    let chain = CertificateDer::pem_slice_iter(certificate).collect();
    let chain = non_empty(chain).map_err(|error| unreadable("certificate", &"the text", error))?;
    let private = PrivateKeyDer::from_pem_slice(key).map_err(|error| unreadable("private key", &"the text", error))?;
    config(chain, private, &"the certificate and the key")
}

fn from_files(certificate: &Path, key: &Path) -> Result<ServerConfig> {
    let (certificate_name, key_name) = (certificate.display(), key.display());
    let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect);
    let chain = non_empty(chain).map_err(|error| unreadable("certificate", &certificate_name, error))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable("private key", &key_name, error))?;
    config(chain, private, &format!("the certificate in {certificate_name} and the key in {key_name}"))
}

fn non_empty(
    chain: std::result::Result<Vec<CertificateDer<'static>>, pem::Error>,
) -> std::result::Result<Vec<CertificateDer<'static>>, pem::Error> {
    chain.and_then(|chain| if chain.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(chain) })
}

fn config(
    chain: Vec<CertificateDer<'static>>,
    private: PrivateKeyDer<'static>,
    pair: &dyn fmt::Display,
) -> Result<ServerConfig> {
    ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(chain, private))
        .map_err(|error| Error::tls(format!("{pair} cannot be used together"), Some(error.into())))
}

fn unreadable(part: &str, place: &dyn fmt::Display, error: pem::Error) -> Error {
    let text = match error {
        pem::Error::NoItemsFound => format!("{place} holds no {part} in PEM form (a line `-----BEGIN …`)"),
        _ => format!("the {part} in {place} cannot be read"),
    };
    Error::tls(text, Some(error.into()))
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}
