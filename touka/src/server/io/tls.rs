//! [`Tls`], what a server proves who it is with.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::maybe_tls::MaybeTls;
use super::stall::{Io, Stall};
use crate::error::{Error, Result};

/// A certificate with its key: [`Server::tls`](crate::server::Server::tls) serves over TLS 1.2 and 1.3
/// with it. Clients choose between HTTP/2 and HTTP/1.1 by ALPN.
///
/// ```no_run
/// use touka::server::Tls;
/// use touka::{Router, Server};
///
/// # async fn run() -> touka::Result<()> {
/// let tls = Tls::from_pem("/etc/ssl/fullchain.pem", "/etc/ssl/privkey.pem")?;
/// Server::new().tls(tls).serve("[::]:443", Router::new()).await
/// # }
/// ```
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
}

impl Tls {
    /// Reads two PEM files: the certificate, followed by those that lead to its root, and the
    /// private key.
    ///
    /// They are read once: a renewed certificate is served by a server that was started anew.
    ///
    /// # Errors
    /// A file cannot be read or holds nothing of its kind, or the key is not the certificate's;
    /// the message names the file. [`Error::is_tls`].
    pub fn from_pem(certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self> {
        let (certificate, key) = (certificate.as_ref(), key.as_ref());
        let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect)
            .map_err(|error| unreadable("certificate", certificate, error))?;
        if chain.is_empty() {
            return Err(unreadable("certificate", certificate, pem::Error::NoItemsFound));
        }
        let private = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable("private key", key, error))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|config| config.with_no_client_auth().with_single_cert(chain, private))
            .map_err(|error| {
                let text = format!(
                    "the certificate in {} and the key in {} cannot be used together",
                    certificate.display(),
                    key.display()
                );
                Error::tls(text, Some(error.into()))
            })?;
        #[cfg(feature = "http2")]
        config.alpn_protocols.push(b"h2".to_vec());
        config.alpn_protocols.push(b"http/1.1".to_vec());
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    /// Shakes hands with one client, who may take as long as they like: that is for the caller to
    /// bound.
    pub(in crate::server) async fn accept<I: Io>(&self, socket: Stall<I>) -> std::io::Result<MaybeTls<I>> {
        Ok(MaybeTls::Tls(Box::new(self.acceptor.accept(socket).await?)))
    }
}

fn unreadable(what: &str, file: &Path, error: pem::Error) -> Error {
    let file = file.display();
    let text = match error {
        pem::Error::NoItemsFound => format!("{file} holds no {what} in PEM form (a line `-----BEGIN …`)"),
        _ => format!("the {what} in {file} cannot be read"),
    };
    Error::tls(text, Some(error.into()))
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}
