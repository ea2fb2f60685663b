//! Signatures, by a token that another program has signed with RS256. What a token may say is tested with the engine.

use serde_json::json;

use super::*;

const MODULUS: &str = "mUY4_Hy5kQFsWrLo6mYyroT4uwxDDTF5G3BDY7f_B2UeE_A-F_bpWHEg1JVlRs7pzjNTNYDmUQnYkV0hjxfa3HBYdi8lQ7RFpk5W\
     FOSjzhrOmshZrnNeVZXqO6t7raS_E9AjFNHytuIUamYbhcb0bZEj7qDfEzbcCtpBP4JigeTkklE7BLq0yQPN5Jg1KI4SiOO55_cfn3bqbz2Tfm_uMyY1\
     82OAdDNevX7VyEpB4IoAlxNDfEu8Kl_cAgbqDkn8gz57LSnvZ9OhW2pntdsfIMXCjrnDNNDyuPnisvYbKXWQ1Dx07i3kF2O7LqY8kFptGlYgeQSn3mGL\
     6MDn8AARGw";
const HEADER: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYSIsInR5cCI6IkpXVCJ9";
/// Of `ada`, for `forebay`, with the nonce `n`, from second 1000 to 1300.
const CLAIMS: &str = "eyJpc3MiOiJodHRwczovL2xvZ2luLmV4YW1wbGUub3JnIiwiYXVkIjoiZm9yZWJheSIsInN1YiI6ImFkYSIsIm5vbmNlIjoibiIs\
     ImlhdCI6MTAwMCwiZXhwIjoxMzAwfQ";
const SIGNATURE: &str = "kBQGcjhnGI3mWlZcnYl8zrqew1pgkoDp0oPFJM5T-Ciq_dvMIcp32w_j1VO-rbm7X8xEXKbMBO5h-FfiQiPLU3ysZRMv4xmFsa2\
     o4Jv4NuxykbLnLb5pp5eIbnsZ0MSrNtJ0JKGR6Isq5KzCdUqjazGqkXkXS1DpEILdDs_DT7X9MYYOIGoLUcJzFzcMPsVkordRhxE7uXsFiYj3bwXb_V9\
     c7EKeNz8hMoV9CBNNJ8SChgmiXnuTVeXCtms0WMh604mK0VQ1IvYVOemZRQHCV86yg7UfgGcc53hOcVwTYSt2PKgM5dgF7wIgkvSnG-OmBfbYapTm2zx\
     iRocDJajcWQ";

fn read(header: &str, claims: &str, signature: &str, keys: &Value) -> Result<Identity, OidcError> {
    let expected = Expected {
        issuer: "https://login.example.org",
        client_id: "forebay",
        nonce: "n",
        begun: Timestamp::from_millis(1_000_000),
    };
    let token = format!("{header}.{claims}.{signature}");
    check(&token, &IssuerKeys::parse(keys).unwrap(), &expected, Timestamp::from_millis(1_000_000))
}

fn keys(id: &str) -> Value {
    json!({"keys": [{"kty": "RSA", "kid": id, "use": "sig", "n": MODULUS, "e": "AQAB"}]})
}

#[test]
fn a_token_that_another_program_has_signed_is_read() {
    let identity = read(HEADER, CLAIMS, SIGNATURE, &keys("rsa")).unwrap();
    assert_eq!(identity.subject(), "ada");
    assert_eq!(identity.claim("exp"), Some(&json!(1300)));
}

#[test]
fn what_was_changed_or_signed_by_another_key_is_not() {
    let says = |result: Result<Identity, OidcError>, part: &str| {
        let refused = result.unwrap_err().to_string();
        assert!(refused.contains(part), "{refused} should have {part}");
    };
    let claims = URL_SAFE_NO_PAD.decode(CLAIMS).unwrap();
    let claims = String::from_utf8(claims).unwrap().replace("ada", "eve");
    says(read(HEADER, &URL_SAFE_NO_PAD.encode(claims), SIGNATURE, &keys("rsa")), "signature");
    says(read(HEADER, CLAIMS, "", &keys("rsa")), "signature");
    says(read(HEADER, CLAIMS, &SIGNATURE.replace('k', "l"), &keys("rsa")), "signature");
    says(read(HEADER, CLAIMS, "a b", &keys("rsa")), "no signed ID token");
    says(read(HEADER, CLAIMS, SIGNATURE, &keys("other")), "does not publish");
    says(read(HEADER, CLAIMS, SIGNATURE, &json!({"keys": []})), "does not publish");
    // A public key is no secret that both know.
    let header = |text: &str| URL_SAFE_NO_PAD.encode(text);
    for algorithm in ["none", "HS256", "RS512", "PS256", ""] {
        let header = header(&format!(r#"{{"alg":"{algorithm}","kid":"rsa"}}"#));
        says(read(&header, CLAIMS, "", &keys("rsa")), "not signed with RS256 or ES256");
    }
    let critical = header(r#"{"alg":"RS256","kid":"rsa","crit":["exp"],"exp":1}"#);
    says(read(&critical, CLAIMS, SIGNATURE, &keys("rsa")), "not signed with RS256 or ES256");
    says(read("", CLAIMS, SIGNATURE, &keys("rsa")), "no signed ID token");
    says(read(&format!("{HEADER}.x"), CLAIMS, SIGNATURE, &keys("rsa")), "signature");
}

#[test]
fn what_is_no_token_is_not_read() {
    let keys = IssuerKeys::parse(&keys("rsa")).unwrap();
    let at = Timestamp::from_millis(0);
    for text in ["", ".", "..", "a.b", &"x".repeat(LONGEST + 1)] {
        let expected = Expected { issuer: "", client_id: "", nonce: "", begun: at };
        assert!(matches!(check(text, &keys, &expected, at), Err(OidcError::IdToken(_))), "{text}");
    }
}
