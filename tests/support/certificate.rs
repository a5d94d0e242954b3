//! A certificate of the test's own, as the files that a server reads, and a client that trusts it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, process};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use touka::server::Tls;

/// The name that the certificate is for.
const NAME: &str = "localhost";

/// A self-signed certificate and its key, in a folder that is removed when this is dropped.
#[derive(Debug)]
pub struct Certificate {
    folder: PathBuf,
    der: CertificateDer<'static>,
}

impl Certificate {
    /// Makes a certificate.
    pub fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("touka-certificate-{}-{number}", process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).expect("a certificate");
        fs::write(folder.join("cert.pem"), made.cert.pem()).expect("write the certificate");
        fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).expect("write the key");
        Self { folder, der: made.cert.der().clone() }
    }

    /// The folder, for files of the test's own.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The certificate's file.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("cert.pem")
    }

    /// The key's file.
    pub fn key(&self) -> PathBuf {
        self.folder.join("key.pem")
    }

    /// The server's TLS configuration.
    pub fn tls(&self) -> Tls {
        Tls::from_pem_files(self.certificate(), self.key()).expect("a good pair")
    }

    /// The configuration of a client that trusts the certificate.
    pub fn client_config(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).expect("a root");
        ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth()
    }

    /// Performs a TLS handshake as a client with these ALPN protocols.
    ///
    /// # Panics
    /// The server has another certificate, or closes the connection.
    pub async fn connect<I: AsyncRead + AsyncWrite + Unpin>(&self, io: I, protocols: &[&[u8]]) -> TlsStream<I> {
        let mut config = self.client_config();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        let name = ServerName::try_from(NAME).expect("a name");
        TlsConnector::from(Arc::new(config)).connect(name, io).await.expect("the TLS handshake")
    }
}

impl Default for Certificate {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
