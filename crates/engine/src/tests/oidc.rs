//! Signing in by an issuer of OpenID Connect: what an ID token must say, and which user somebody gets.

mod people;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use super::house::House;
use crate::{Attempt, Engine, Identity, IssuerKeys, OidcError, OidcRules};

const ISSUER: &str = "https://login.example.org";
const HOUR: i64 = 60 * 60 * 1000;

fn rules() -> OidcRules {
    OidcRules {
        issuer: ISSUER.to_owned(),
        client_id: "forebay".to_owned(),
        email_claim: "email".to_owned(),
        verified_claim: "email_verified".to_owned(),
        creates_users: false,
        email_domains: Vec::new(),
        only_admins_by_password: false,
    }
}

/// An issuer with one key.
struct Issuer(EcdsaKeyPair);

impl Issuer {
    fn new() -> Self {
        let (algorithm, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let private = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(algorithm, private.as_ref(), &random).unwrap())
    }

    fn keys(&self) -> IssuerKeys {
        let point = self.0.public_key().as_ref();
        let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let (x, y) = (number(&point[1..33]), number(&point[33..]));
        let key = json!({"kty": "EC", "crv": "P-256", "kid": "one", "alg": "ES256", "x": x, "y": y});
        IssuerKeys::parse(&json!({"keys": [key]})).unwrap()
    }

    fn sign(&self, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(&json!({"alg": "ES256", "kid": "one"})), part(claims));
        let signature = self.0.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

/// What an issuer says of Ada, with some changes; null takes a claim away.
fn claims(house: &House, attempt: &Attempt, changes: Value) -> Value {
    let now = crate::Clock::now(house.clock.as_ref()).as_millis() / 1000;
    let mut claims = json!({
        "iss": ISSUER, "aud": "forebay", "sub": "ada", "nonce": attempt.nonce(), "iat": now, "exp": now + 300,
        "email": "ada@example.org", "email_verified": true, "name": "Ada",
    });
    let (Value::Object(changes), Value::Object(all)) = (changes, &mut claims) else { panic!("two objects") };
    all.extend(changes);
    all.retain(|_, value| !value.is_null());
    claims
}

/// Whom a good issuer names, with some changes to what it says.
fn identity(house: &House, engine: &Engine, changes: Value) -> Identity {
    let (issuer, attempt) = (Issuer::new(), engine.begin_oidc());
    engine.identity(&attempt, &issuer.sign(&claims(house, &attempt, changes)), &issuer.keys()).unwrap()
}

#[tokio::test]
async fn an_id_token_counts_only_as_the_standard_says() {
    let house = House::new().await;
    house.clock.turn(HOUR);
    let engine = house.with_oidc(rules());
    let now = crate::Clock::now(house.clock.as_ref()).as_millis() / 1000;
    let issuer = Issuer::new();
    let check = |changes: Value, expected: Option<&str>| {
        let attempt = engine.begin_oidc();
        let token = issuer.sign(&claims(&house, &attempt, changes.clone()));
        match (engine.identity(&attempt, &token, &issuer.keys()), expected) {
            (Ok(identity), None) => assert_eq!(identity.subject(), "ada", "{changes}"),
            (Err(OidcError::IdToken(text)), Some(part)) => assert!(text.contains(part), "{changes}: {text}"),
            (other, _) => panic!("{changes}: {other:?}"),
        }
    };
    check(json!({}), None);
    check(json!({"iss": "https://login.example.org/"}), Some("iss"));
    check(json!({"iss": null}), Some("iss"));
    check(json!({"aud": "other"}), Some("aud"));
    check(json!({"aud": null}), Some("aud"));
    check(json!({"aud": ["forebay"]}), None);
    check(json!({"aud": []}), Some("aud"));
    check(json!({"aud": ["other", "forebay"]}), Some("azp"));
    check(json!({"aud": ["other", "forebay"], "azp": "forebay"}), None);
    check(json!({"aud": ["other", "else"], "azp": "forebay"}), Some("aud"));
    check(json!({"aud": "forebay", "azp": "other"}), Some("azp"));
    check(json!({"nonce": "other"}), Some("nonce"));
    check(json!({"nonce": null}), Some("nonce"));
    // A minute between the clocks is none.
    check(json!({"exp": now - 59}), None);
    check(json!({"exp": now - 60}), Some("has ended"));
    check(json!({"exp": now as f64 + 0.5}), None);
    check(json!({"exp": "tomorrow"}), Some("how long it holds"));
    check(json!({"exp": null}), Some("how long it holds"));
    check(json!({"iat": null}), Some("how long it holds"));
    check(json!({"iat": now + 59}), None);
    check(json!({"iat": now + 61}), Some("in the future"));
    check(json!({"nbf": now + 61}), Some("in the future"));
    check(json!({"iat": now - 62}), Some("older than this sign-in"));
    check(json!({"sub": ""}), Some("sub"));
    check(json!({"sub": null}), Some("sub"));
    check(json!({"sub": "x".repeat(256)}), Some("sub"));

    let attempt = engine.begin_oidc();
    let token = Issuer::new().sign(&claims(&house, &attempt, json!({})));
    let refused = engine.identity(&attempt, &token, &issuer.keys()).unwrap_err();
    assert!(refused.to_string().contains("signature"), "{refused}");
}

#[tokio::test]
async fn an_attempt_is_taken_up_once_and_within_ten_minutes() {
    let house = House::new().await;
    let engine = house.with_oidc(rules());
    let attempt = engine.begin_oidc();
    let (text, state) = (attempt.to_text(), attempt.state());
    let is_refused = |result: Result<Attempt, OidcError>| matches!(result, Err(OidcError::Attempt));
    assert!(is_refused(engine.resume_oidc(&text, "other")));
    assert!(is_refused(engine.resume_oidc("", &state)));
    assert!(is_refused(engine.resume_oidc(&engine.begin_oidc().to_text(), &state)));
    let resumed = engine.resume_oidc(&text, &state).unwrap();
    assert_eq!(resumed.verifier(), attempt.verifier());
    assert!(is_refused(engine.resume_oidc(&text, &state)));
    let late = engine.begin_oidc();
    house.clock.turn(10 * 60 * 1000 + 1);
    assert!(is_refused(engine.resume_oidc(&late.to_text(), &late.state())));
}
