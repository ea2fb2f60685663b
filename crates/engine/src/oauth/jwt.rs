//! Access tokens as text: JWTs (RFC 9068) signed with ES256, the one way of signing that is read here.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use forebay_core::error::{Error, Result};
use forebay_core::id::{AccessTokenId, ConsentId, OauthSecretId, SigningKeyId};
use forebay_core::oauth::ClientId;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
};
use serde::{Deserialize, Serialize};

const ALGORITHM: &str = "ES256";
const TYPE: &str = "at+jwt";
/// Whom tokens are for: this server, whatever its address.
const AUDIENCE: &str = "forebay";
/// More letters than any token of ours has.
const LONGEST: usize = 8 * 1024;

#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    /// The server's address when it was given.
    pub(super) iss: String,
    /// The user's or the application's id.
    pub(super) sub: String,
    pub(super) aud: String,
    pub(super) client_id: ClientId,
    pub(super) scope: String,
    /// Seconds since 1970-01-01T00:00:00Z, as the next one.
    pub(super) iat: i64,
    pub(super) exp: i64,
    pub(super) jti: AccessTokenId,
    /// The secret by which an application got it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) secret: Option<OauthSecretId>,
    /// What a user has allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) consent: Option<ConsentId>,
    /// The generation of the client's tokens.
    pub(super) generation: i64,
}

impl Claims {
    pub(super) fn audience() -> String {
        AUDIENCE.to_owned()
    }
}

/// A new pair of keys: the private half as PKCS #8, and the public one as a point.
pub(super) fn new_pair() -> Result<(Vec<u8>, Vec<u8>)> {
    let private = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
    let private = private.map_err(|_| Error::internal("a signing key cannot be made"))?;
    let public = pair(private.as_ref())?.public_key().as_ref().to_vec();
    Ok((private.as_ref().to_vec(), public))
}

fn pair(private: &[u8]) -> Result<EcdsaKeyPair> {
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private, &SystemRandom::new())
        .map_err(|error| Error::internal(format!("a signing key does not parse: {error}")))
}

/// The token that says this.
pub(super) fn sign(claims: &Claims, key: SigningKeyId, private: &[u8]) -> Result<String> {
    let header = Header { alg: ALGORITHM.to_owned(), typ: TYPE.to_owned(), kid: key.to_string() };
    let header = serde_json::to_vec(&header).map_err(Error::internal)?;
    let claims = serde_json::to_vec(claims).map_err(Error::internal)?;
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = pair(private)?
        .sign(&SystemRandom::new(), text.as_bytes())
        .map_err(|_| Error::internal("a token cannot be signed"))?;
    Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref())))
}

/// A token that has been taken apart and not believed yet.
pub(super) struct Unchecked<'a> {
    pub(super) key: SigningKeyId,
    signed: &'a str,
    claims: &'a str,
    signature: Vec<u8>,
}

impl<'a> Unchecked<'a> {
    /// `None` for what no token of ours can be: another algorithm, another type, another shape.
    pub(super) fn parse(token: &'a str) -> Option<Self> {
        if token.len() > LONGEST {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        if header.alg != ALGORITHM || header.typ != TYPE {
            return None;
        }
        let key = header.kid.parse().ok()?;
        Some(Self { key, signed, claims, signature: URL_SAFE_NO_PAD.decode(signature).ok()? })
    }

    /// What it says, if this key has signed it for this server. When it ends is not looked at.
    pub(super) fn check(&self, public: &[u8]) -> Option<Claims> {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public);
        key.verify(self.signed.as_bytes(), &self.signature).ok()?;
        let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(self.claims).ok()?).ok()?;
        (claims.aud == AUDIENCE).then_some(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> Claims {
        Claims {
            iss: "https://forebay.example.org".to_owned(),
            sub: "somebody".to_owned(),
            aud: Claims::audience(),
            client_id: "content-cli".parse().unwrap(),
            scope: "studio".to_owned(),
            iat: 1,
            exp: 2,
            jti: AccessTokenId::random(),
            secret: None,
            consent: Some(ConsentId::random()),
            generation: 1,
        }
    }

    fn read(token: &str, public: &[u8]) -> Option<Claims> {
        Unchecked::parse(token)?.check(public)
    }

    /// The same token with another part in this place.
    fn with(token: &str, place: usize, part: &str) -> String {
        let mut parts: Vec<&str> = token.split('.').collect();
        parts[place] = part;
        parts.join(".")
    }

    #[test]
    fn a_token_is_read_with_the_key_that_signed_it_and_with_no_other() {
        let (private, public) = new_pair().unwrap();
        let key = SigningKeyId::random();
        let token = sign(&claims(), key, &private).unwrap();
        assert_eq!(Unchecked::parse(&token).unwrap().key, key);
        assert_eq!(read(&token, &public).unwrap().scope, "studio");
        let (_, other) = new_pair().unwrap();
        assert_eq!(read(&token, &other), None);
    }

    #[test]
    fn what_was_changed_or_is_of_another_kind_is_not_read() {
        let (private, public) = new_pair().unwrap();
        let token = sign(&claims(), SigningKeyId::random(), &private).unwrap();
        let widened = Claims { scope: "integration.data-pools".to_owned(), ..claims() };
        let widened = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&widened).unwrap());
        assert_eq!(read(&with(&token, 1, &widened), &public), None);
        for (alg, typ, kid) in [
            ("none", TYPE, SigningKeyId::random().to_string()),
            ("HS256", TYPE, SigningKeyId::random().to_string()),
            ("RS256", TYPE, SigningKeyId::random().to_string()),
            (ALGORITHM, "JWT", SigningKeyId::random().to_string()),
            (ALGORITHM, TYPE, "../../secret.key".to_owned()),
        ] {
            let header = Header { alg: alg.to_owned(), typ: typ.to_owned(), kid };
            let header = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&header).unwrap());
            assert!(Unchecked::parse(&with(&token, 0, &header)).is_none(), "{alg} {typ}");
        }
        for broken in ["", ".", "..", "a.b", "a.b.c", &with(&token, 2, ""), &"x".repeat(LONGEST + 1)] {
            assert_eq!(read(broken, &public), None, "{broken}");
        }
        let elsewhere = Claims { aud: "somebody else".to_owned(), ..claims() };
        let elsewhere = sign(&elsewhere, SigningKeyId::random(), &private).unwrap();
        assert_eq!(read(&elsewhere, &public), None);
    }
}
