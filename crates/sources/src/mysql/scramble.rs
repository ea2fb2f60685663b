//! What proves a password without saying it, for each way of login that is known.

use sha1::Sha1;
use sha2::{Digest, Sha256};

/// The ways of login, by the names that servers give them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Native,
    CachingSha2,
}

impl Way {
    pub(super) fn of(name: &[u8]) -> Option<Self> {
        match name {
            b"mysql_native_password" => Some(Self::Native),
            b"caching_sha2_password" => Some(Self::CachingSha2),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Native => "mysql_native_password",
            Self::CachingSha2 => "caching_sha2_password",
        }
    }

    /// The answer to the server's 20 random bytes. No password is answered with nothing.
    pub(super) fn answer(self, password: &str, nonce: &[u8]) -> Vec<u8> {
        if password.is_empty() {
            return Vec::new();
        }
        let (once, mixed) = match self {
            Self::Native => {
                let once = digest::<Sha1>(&[password.as_bytes()]);
                let twice = digest::<Sha1>(&[&once]);
                let mixed = digest::<Sha1>(&[nonce, &twice]);
                (once, mixed)
            }
            Self::CachingSha2 => {
                let once = digest::<Sha256>(&[password.as_bytes()]);
                let twice = digest::<Sha256>(&[&once]);
                let mixed = digest::<Sha256>(&[&twice, nonce]);
                (once, mixed)
            }
        };
        once.iter().zip(&mixed).map(|(once, mixed)| once ^ mixed).collect()
    }
}

fn digest<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
    let mut digest = D::new();
    for part in parts {
        digest.update(part);
    }
    digest.finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_no_answer() {
        for way in [Way::Native, Way::CachingSha2] {
            assert_eq!(Way::of(way.name().as_bytes()), Some(way));
            assert!(way.answer("", &[7; 20]).is_empty());
        }
        assert_eq!(Way::of(b"dialog"), None);
    }

    /// What the server does: it takes the password's double digest, and gets the single one back.
    #[test]
    fn the_server_finds_the_digest_that_it_knows() {
        let nonce = [9_u8; 20];
        let answer = Way::CachingSha2.answer("secret", &nonce);
        let once = digest::<Sha256>(&[b"secret"]);
        let twice = digest::<Sha256>(&[&once]);
        let mixed = digest::<Sha256>(&[&twice, &nonce]);
        let found: Vec<u8> = answer.iter().zip(&mixed).map(|(one, two)| one ^ two).collect();
        assert_eq!(digest::<Sha256>(&[&found]), twice);
        assert_eq!(Way::Native.answer("secret", &nonce).len(), 20);
    }
}
