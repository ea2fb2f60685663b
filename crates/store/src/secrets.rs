//! Secrets at rest: AES-256-GCM under the key of this installation. A sealed value opens only in the row it was
//! sealed for, so values cannot be moved between rows.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use forebay_core::{Error, Result};

use crate::db::{self, Readers, Writer};

const KEY_FILE: &str = "secret.key";
const KEY_LENGTH: usize = 32;
const NONCE_LENGTH: usize = 12;
const CHECK_PLACE: Place<'static> = Place { table: "secret_check", row: "1" };
const CHECK_TEXT: &[u8] = b"forebay";

/// Seals and opens. It has no `Debug`: it holds the key.
pub(crate) struct Secrets {
    key: [u8; KEY_LENGTH],
    cipher: Aes256Gcm,
}

/// Where a sealed value lies.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) table: &'static str,
    pub(crate) row: &'a str,
}

impl Secrets {
    /// A key that nobody keeps.
    pub(crate) fn random() -> Self {
        Self::new(random_bytes())
    }

    /// Reads the key file of an installation that has a database.
    pub(crate) fn read(dir: &Path) -> Result<Self> {
        let path = dir.join(KEY_FILE);
        match fs::read(&path) {
            Ok(bytes) => Self::from_file(&path, &bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(unavailable(format!(
                "the key file {} is missing; put back the one that belongs to this metadata database",
                path.display()
            ))),
            Err(error) => {
                tracing::error!(%error, "the key file cannot be read");
                Err(unavailable(format!("the key file {} cannot be read", path.display())))
            }
        }
    }

    /// Reads the key file of a new installation, or makes it.
    pub(crate) fn read_or_make(dir: &Path) -> Result<Self> {
        let path = dir.join(KEY_FILE);
        let key: [u8; KEY_LENGTH] = random_bytes();
        match make_file(&path, &key) {
            Ok(()) => Ok(Self::new(key)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Self::read(dir),
            Err(error) => {
                tracing::error!(%error, "the key file cannot be written");
                Err(unavailable(format!("the key file {} cannot be written", path.display())))
            }
        }
    }

    /// Writes the key into a folder that has none, for a copy of the installation.
    pub(crate) fn write(&self, dir: &Path) -> Result<()> {
        let path = dir.join(KEY_FILE);
        make_file(&path, &self.key).map_err(|error| {
            tracing::error!(%error, "the key file cannot be written");
            unavailable(format!("the key file {} cannot be written", path.display()))
        })
    }

    /// Checks that the database was written with this key; a new database takes it.
    pub(crate) async fn check(&self, writer: &Writer, readers: &Readers) -> Result<()> {
        let sealed = self.seal(CHECK_PLACE, CHECK_TEXT)?;
        db::query("insert into secret_check (id, sealed_text) values (1, $1) on conflict do nothing")
            .bind(sealed)
            .execute_on(writer)
            .await
            .map_err(db::error)?;
        let row = db::query("select sealed_text from secret_check where id = 1")
            .fetch_one(&*readers.get()?)
            .map_err(db::error)?;
        match self.open(CHECK_PLACE, db::get(&row, "sealed_text")?) {
            Ok(text) if text == CHECK_TEXT => Ok(()),
            Ok(_) | Err(_) => Err(unavailable(format!(
                "the key in {KEY_FILE} is not the one this metadata database was written with; put back the right one"
            ))),
        }
    }

    /// The nonce, then the ciphertext with its tag.
    pub(crate) fn seal(&self, place: Place<'_>, text: &[u8]) -> Result<Vec<u8>> {
        let nonce: [u8; NONCE_LENGTH] = random_bytes();
        let aad = place.aad();
        let sealed = self
            .cipher
            .encrypt(&nonce.into(), Payload { msg: text, aad: aad.as_bytes() })
            .map_err(|_| Error::internal("a secret cannot be sealed"))?;
        let mut bytes = nonce.to_vec();
        bytes.extend_from_slice(&sealed);
        Ok(bytes)
    }

    pub(crate) fn open(&self, place: Place<'_>, bytes: &[u8]) -> Result<Vec<u8>> {
        let aad = place.aad();
        let Some((nonce, sealed)) = bytes.split_first_chunk::<NONCE_LENGTH>() else {
            return Err(Error::internal(format!("{aad} holds no sealed value")));
        };
        self.cipher
            .decrypt(&(*nonce).into(), Payload { msg: sealed, aad: aad.as_bytes() })
            .map_err(|_| Error::internal(format!("the sealed value of {aad} does not open")))
    }

    fn new(key: [u8; KEY_LENGTH]) -> Self {
        Self { key, cipher: Aes256Gcm::new(&key.into()) }
    }

    fn from_file(path: &Path, bytes: &[u8]) -> Result<Self> {
        match <[u8; KEY_LENGTH]>::try_from(bytes) {
            Ok(key) => Ok(Self::new(key)),
            Err(_) => {
                Err(unavailable(format!("the key file {} does not hold {KEY_LENGTH} bytes", path.display())))
            }
        }
    }
}

impl Place<'_> {
    fn aad(self) -> String {
        format!("{}:{}", self.table, self.row)
    }
}

fn make_file(path: &Path, key: &[u8]) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(key)?;
    file.sync_all()
}

fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes);
    bytes
}

fn unavailable(what: String) -> Error {
    Error::Unavailable { what }
}
