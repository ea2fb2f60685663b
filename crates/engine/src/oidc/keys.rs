//! The keys by which an issuer signs, as it publishes them (RFC 7517), and the two ways of signing that are read:
//! RS256 and ES256.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::Value;

/// The most keys of one issuer.
const MOST: usize = 64;

/// How a token is signed: named in the code, and never what a token asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Es256,
}

impl Algorithm {
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            _ => None,
        }
    }
}

/// The keys that an issuer publishes.
#[derive(Clone, Debug, Default)]
pub struct IssuerKeys(Vec<IssuerKey>);

#[derive(Clone, Debug)]
pub(super) struct IssuerKey {
    id: Option<String>,
    public: Public,
}

#[derive(Clone, Debug)]
enum Public {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256 { point: Vec<u8> },
}

/// A key as it is published; what else stands in it does not matter here.
#[derive(Deserialize)]
struct Published {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl IssuerKeys {
    /// The keys of a key set; those that sign nothing here are passed over. `None` when it is no key set.
    #[must_use]
    pub fn parse(set: &Value) -> Option<Self> {
        let keys = set.get("keys")?.as_array()?.iter();
        let keys = keys.filter_map(|key| IssuerKey::of(Published::deserialize(key).ok()?));
        Some(Self(keys.take(MOST).collect()))
    }

    /// The keys that may have signed: the one of this id, or every one when the token names none.
    pub(super) fn fitting<'a>(
        &'a self,
        id: Option<&'a str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &'a IssuerKey> {
        let fits = move |key: &&IssuerKey| id.is_none() || key.id.as_deref() == id;
        self.0.iter().filter(fits).filter(move |key| key.public.signs(algorithm))
    }
}

impl IssuerKey {
    fn of(key: Published) -> Option<Self> {
        if key.purpose.as_deref().is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let number = |text: Option<String>| URL_SAFE_NO_PAD.decode(text?.trim_end_matches('=')).ok();
        let public = match (key.kty.as_str(), key.crv.as_deref()) {
            ("RSA", _) => Public::Rsa { n: shortest(number(key.n)?), e: shortest(number(key.e)?) },
            ("EC", Some("P-256")) => {
                let (x, y) = (number(key.x)?, number(key.y)?);
                if x.len() != 32 || y.len() != 32 {
                    return None;
                }
                Public::P256 { point: [vec![4], x, y].concat() }
            }
            _ => return None,
        };
        // One that is published for another way of signing, as PS256.
        let is_for = |alg: &str| Algorithm::parse(alg).is_some_and(|algorithm| public.signs(algorithm));
        let is_good = key.alg.as_deref().is_none_or(is_for);
        is_good.then_some(Self { id: key.kid, public })
    }

    pub(super) fn has_signed(&self, text: &[u8], signature: &[u8]) -> bool {
        match &self.public {
            Public::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, text, signature).is_ok()
            }
            Public::P256 { point } => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(text, signature).is_ok()
            }
        }
    }
}

impl Public {
    fn signs(&self, algorithm: Algorithm) -> bool {
        matches!(
            (self, algorithm),
            (Self::Rsa { .. }, Algorithm::Rs256) | (Self::P256 { .. }, Algorithm::Es256)
        )
    }
}

/// A number without the zeros before it.
fn shortest(number: Vec<u8>) -> Vec<u8> {
    number.into_iter().skip_while(|byte| *byte == 0).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn number(bytes: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    #[test]
    fn keys_that_sign_nothing_here_are_passed_over() {
        let point = || (number(&[1; 32]), number(&[2; 32]));
        let (x, y) = point();
        let set = json!({"keys": [
            {"kty": "EC", "crv": "P-256", "kid": "good", "x": x, "y": y, "use": "sig", "alg": "ES256"},
            {"kty": "EC", "crv": "P-384", "kid": "a", "x": x, "y": y},
            {"kty": "EC", "crv": "P-256", "kid": "b", "x": x, "y": number(&[2; 31])},
            {"kty": "EC", "crv": "P-256", "kid": "c", "x": x, "y": y, "use": "enc"},
            {"kty": "EC", "crv": "P-256", "kid": "d", "x": x, "y": y, "alg": "RS256"},
            {"kty": "RSA", "kid": "rsa", "n": number(&[0, 5]), "e": "AQAB"},
            {"kty": "RSA", "kid": "pss", "n": number(&[5]), "e": "AQAB", "alg": "PS256"},
            {"kty": "oct", "kid": "e", "k": "AAAA"},
            {"kid": "f"},
            7,
        ]});
        let keys = IssuerKeys::parse(&set).unwrap();
        let ids: Vec<_> = keys.0.iter().map(|key| key.id.as_deref().unwrap()).collect();
        assert_eq!(ids, ["good", "rsa"]);
        assert!(matches!(&keys.0[1].public, Public::Rsa { n, .. } if *n == [5]));
        let count = |id, algorithm| keys.fitting(id, algorithm).count();
        assert_eq!(count(Some("good"), Algorithm::Es256), 1);
        assert_eq!(count(Some("good"), Algorithm::Rs256), 0);
        assert_eq!(count(None, Algorithm::Rs256), 1);
        assert_eq!(count(Some("other"), Algorithm::Rs256), 0);
        for broken in [json!(null), json!([]), json!({"keys": 1}), json!({})] {
            assert!(IssuerKeys::parse(&broken).is_none(), "{broken}");
        }
    }
}
