//! How a form proves that it was filled in on a page of ours.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use uuid::Uuid;

/// How long a browser keeps them: as long as it may stay signed in without a visit.
const KEPT_SECONDS: u32 = 12 * 60 * 60;

/// The letters that a form sends back: whoever made the form could read the cookie that they came with.
#[derive(Clone, Debug)]
pub struct Csrf {
    token: Uuid,
    is_secure: bool,
}

impl Csrf {
    fn name(is_secure: bool) -> &'static str {
        if is_secure { "__Host-forebay-form" } else { "forebay-form" }
    }

    /// The letters of this browser; new ones when it has none.
    pub fn of(headers: &HeaderMap, base: &str) -> Self {
        let is_secure = base.starts_with("https://");
        Self { token: letters(headers, Self::name(is_secure)).unwrap_or_else(Uuid::new_v4), is_secure }
    }

    /// What a form has in a hidden field.
    pub fn field(&self) -> String {
        self.token.to_string()
    }

    /// Lets the browser hold them.
    pub fn keep(&self, response: &mut Response) {
        let name = Self::name(self.is_secure);
        set_cookie(response, self.is_secure, name, &self.token.to_string(), "Strict", KEPT_SECONDS);
    }

    /// Whether a form was filled in on a page of ours.
    pub fn is_right(headers: &HeaderMap, base: &str, field: Option<&str>) -> bool {
        let site = headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
        let sent = field.and_then(|field| Uuid::try_parse(field).ok());
        let kept = letters(headers, Self::name(base.starts_with("https://")));
        sent.is_some() && sent == kept && site.is_none_or(|site| site == "same-origin")
    }
}

fn letters(headers: &HeaderMap, name: &str) -> Option<Uuid> {
    Uuid::try_parse(cookie(headers, name)?).ok()
}

/// The value of a cookie.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let headers = headers.get_all(header::COOKIE).iter();
    let pairs = headers.filter_map(|header| header.to_str().ok()).flat_map(|header| header.split(';'));
    pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// Lets a browser hold a cookie that no script sees and no other site sends.
pub fn set_cookie(
    response: &mut Response,
    is_secure: bool,
    name: &str,
    value: &str,
    same_site: &str,
    seconds: u32,
) {
    let secure = if is_secure { "; Secure" } else { "" };
    let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite={same_site}; Max-Age={seconds}{secure}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        pairs.collect()
    }

    #[test]
    fn a_form_counts_only_with_the_cookie_of_its_page() {
        let token = Uuid::new_v4().to_string();
        let check = |pairs: &[(&'static str, &str)], field: Option<&str>, base: &str, expected: bool| {
            assert_eq!(Csrf::is_right(&headers(pairs), base, field), expected, "{pairs:?} {field:?}");
        };
        let plain = format!("a=b; forebay-form={token}");
        let secure = format!("__Host-forebay-form={token}");
        check(&[("cookie", &plain)], Some(&token), "http://localhost", true);
        check(&[("cookie", &secure)], Some(&token), "https://localhost", true);
        check(&[("cookie", &plain)], Some(&token), "https://localhost", false);
        check(&[("cookie", &plain)], Some(&Uuid::new_v4().to_string()), "http://localhost", false);
        check(&[("cookie", &plain)], None, "http://localhost", false);
        check(&[], Some(&token), "http://localhost", false);
        check(&[("cookie", "forebay-form=")], Some(""), "http://localhost", false);
        let fetched = |site| [("cookie", plain.as_str()), ("sec-fetch-site", site)];
        check(&fetched("same-origin"), Some(&token), "http://localhost", true);
        check(&fetched("cross-site"), Some(&token), "http://localhost", false);
        check(&fetched("same-site"), Some(&token), "http://localhost", false);
    }
}
