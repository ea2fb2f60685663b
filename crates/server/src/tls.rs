//! The server's certificate: one that is given, or one for this machine that is made and kept. A given one is read
//! again when its files change or the process gets SIGHUP, so a renewal needs no restart.

use std::fs::Metadata;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use forebay_core::stop::Stop;
use forebay_engine::Clock;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};
use reqwest::Url;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::wiring::WallClock;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// How clients reach the server.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct SiteOptions {
    /// Serve https with this certificate: a PEM file that begins with the server's own one. It is read again when it
    /// changes.
    #[arg(long, env = "FOREBAY_TLS_CERT", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The private key of the certificate, as a PEM file.
    #[arg(long, env = "FOREBAY_TLS_KEY", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Serve https with a certificate for localhost that is made at the first start and kept in the data folder.
    #[arg(long, env = "FOREBAY_TLS_SELF_SIGNED", conflicts_with_all = ["tls_cert", "tls_key"])]
    pub(crate) tls_self_signed: bool,
    /// The address by which clients reach the server, as `https://forebay.example.org`: for OAuth behind a proxy.
    #[arg(long, env = "FOREBAY_PUBLIC_URL", value_parser = public_url)]
    pub(crate) public_url: Option<String>,
}

fn public_url(text: &str) -> Result<String, String> {
    let url = text.trim_end_matches('/');
    let parsed = Url::parse(url).map_err(|error| error.to_string())?;
    // Nothing that would have to come after a host: no path, no query, no fragment; and nobody's name before it.
    let is_good =
        matches!(parsed.scheme(), "http" | "https") && !url.contains(['@', '?', '#']) && parsed.path() == "/";
    match is_good {
        true => Ok(url.to_owned()),
        false => Err("write http:// or https://, a host and perhaps a port, and nothing after it".to_owned()),
    }
}

/// A certificate that is in use.
pub(crate) struct Tls {
    files: Files,
    sender: watch::Sender<Arc<ServerConfig>>,
}

/// Where a certificate lies.
#[derive(Clone, Debug)]
struct Files {
    cert: PathBuf,
    key: PathBuf,
}

/// What changes when a file does.
type Seen = [Option<(u64, SystemTime)>; 2];

impl Tls {
    /// The certificate that the options ask for; `None` when they ask for none.
    pub(crate) async fn open(
        options: &SiteOptions,
        data_dir: &Path,
        listen: SocketAddr,
    ) -> anyhow::Result<Option<Self>> {
        let files = match (&options.tls_cert, &options.tls_key, options.tls_self_signed) {
            (Some(cert), Some(key), _) => Files { cert: cert.clone(), key: key.clone() },
            (None, None, true) => self_signed(data_dir, listen)?,
            (None, None, false) => return Ok(None),
            (Some(_), None, _) | (None, Some(_), _) => {
                bail!("a certificate needs its key: give both --tls-cert and --tls-key")
            }
        };
        let (sender, _) = watch::channel(files.read().await?);
        Ok(Some(Self { files, sender }))
    }

    /// The certificate as it is now, for each new connection.
    pub(crate) fn current(&self) -> watch::Receiver<Arc<ServerConfig>> {
        self.sender.subscribe()
    }

    /// Reads the files again whenever they change, until the stop is asked for. One that cannot be read changes
    /// nothing.
    pub(crate) async fn keep_fresh(self, stop: Stop) {
        let mut hang_up = signal(SignalKind::hangup()).ok();
        let mut seen = self.files.seen().await;
        loop {
            let is_asked = tokio::select! {
                () = tokio::time::sleep(LOOK) => false,
                () = asked(&mut hang_up) => true,
                () = stop.requested() => return,
            };
            let now = self.files.seen().await;
            if now == seen && !is_asked {
                continue;
            }
            match self.files.read().await {
                Ok(config) => {
                    self.sender.send_replace(config);
                    tracing::info!(certificate = %self.files.cert.display(), "the certificate was read again");
                }
                // Half of a renewal is seen, too: the other half follows.
                Err(error) => {
                    let error = AsRef::<dyn std::error::Error>::as_ref(&error);
                    tracing::error!(error, "the certificate cannot be read again; the old one is used on");
                }
            }
            seen = now;
        }
    }
}

async fn asked(hang_up: &mut Option<tokio::signal::unix::Signal>) {
    match hang_up {
        Some(signal) => {
            if signal.recv().await.is_none() {
                std::future::pending::<()>().await;
            }
        }
        None => std::future::pending().await,
    }
}

impl Files {
    async fn read(&self) -> anyhow::Result<Arc<ServerConfig>> {
        let (cert, key) = (self.cert.display(), self.key.display());
        let pem = tokio::fs::read(&self.cert).await.with_context(|| format!("{cert} cannot be read"))?;
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<_, _>>()
            .with_context(|| format!("{cert} is no PEM file"))?;
        if chain.is_empty() {
            bail!("{cert} has no certificate");
        }
        let pem = tokio::fs::read(&self.key).await.with_context(|| format!("{key} cannot be read"))?;
        let private =
            PrivateKeyDer::from_pem_slice(&pem).with_context(|| format!("{key} has no private key"))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, private)
            .with_context(|| format!("{cert} and {key} do not belong together"))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    async fn seen(&self) -> Seen {
        let of = |metadata: Metadata| Some((metadata.len(), metadata.modified().ok()?));
        let cert = tokio::fs::metadata(&self.cert).await.ok().and_then(of);
        let key = tokio::fs::metadata(&self.key).await.ok().and_then(of);
        [cert, key]
    }
}

/// The certificate for this machine, made when it is not there.
fn self_signed(data_dir: &Path, listen: SocketAddr) -> anyhow::Result<Files> {
    let dir = data_dir.join("tls");
    let files = Files { cert: dir.join("cert.pem"), key: dir.join("key.pem") };
    if files.cert.try_exists()? && files.key.try_exists()? {
        return Ok(files);
    }
    std::fs::create_dir_all(&dir).with_context(|| format!("the folder {} cannot be made", dir.display()))?;
    let mut names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    let address = listen.ip().to_canonical().to_string();
    if !listen.ip().is_unspecified() && !names.contains(&address) {
        names.push(address);
    }
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, "Forebay on this machine");
    // No authority: it vouches for itself and nobody else.
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.not_before = rcgen::date_time_ymd(2025, 1, 1);
    params.not_after = rcgen::date_time_ymd(this_year() + 10, 1, 1);
    let cert = params.self_signed(&key)?;
    // The key first: a certificate that is there has its key.
    write(&files.key, key.serialize_pem().as_bytes(), 0o600)?;
    write(&files.cert, cert.pem().as_bytes(), 0o644)?;
    tracing::info!(certificate = %files.cert.display(), "made a certificate for this machine");
    Ok(files)
}

fn this_year() -> i32 {
    const YEAR_MILLIS: i64 = 31_556_952_000;
    1970 + i32::try_from(WallClock.now().as_millis() / YEAR_MILLIS).unwrap_or(0)
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> anyhow::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    let written = options.open(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.with_context(|| format!("{} cannot be written", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_a_scheme_and_a_host() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(public_url(text).ok().as_deref(), expected, "{text}");
        };
        check("https://forebay.example.org", Some("https://forebay.example.org"));
        check("https://forebay.example.org:8443/", Some("https://forebay.example.org:8443"));
        check("http://127.0.0.1:8080", Some("http://127.0.0.1:8080"));
        check("https://forebay.example.org/path", None);
        check("https://forebay.example.org?x", None);
        check("https://you@forebay.example.org", None);
        check("ftp://forebay.example.org", None);
        check("forebay.example.org", None);
        check("", None);
    }
}
