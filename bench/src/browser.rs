//! A browser in which the administrator has signed in, as far as the answers of pages go: it holds cookies, sends the
//! form that it was shown, and draws nothing.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use reqwest::header::{CONTENT_TYPE, COOKIE, SET_COOKIE};
use reqwest::{Client, Response, StatusCode, Url};

use crate::forebay::Forebay;

pub(crate) struct Browser {
    http: Client,
    base: String,
    cookies: Vec<String>,
}

impl Browser {
    /// Signs in with the administrator's key, by the form of the page for that.
    ///
    /// # Errors
    ///
    /// When that is refused.
    pub(crate) async fn signed_in(server: &Forebay) -> Result<Self> {
        let http = Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
        let mut browser = Self { http, base: server.base.clone(), cookies: Vec::new() };
        let place = format!("{}/sign-in", browser.base);
        let page = browser.http.get(&place).send().await?.error_for_status()?;
        browser.keep(&page)?;
        let letters = letters(&page.text().await?)?;
        let body = form(&[("key", &server.key), ("form", &letters)])?;
        let request = browser.http.post(&place).header(COOKIE, browser.cookies.join("; "));
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body);
        let answer = request.send().await?;
        browser.keep(&answer)?;
        ensure!(answer.status() == StatusCode::SEE_OTHER, "the sign-in gave {}", answer.status());
        Ok(browser)
    }

    /// Opens a page. Gives how long its answer took, to the last byte.
    ///
    /// # Errors
    ///
    /// When it is no page, or has not what must be on it.
    pub(crate) async fn open(&self, path: &str, must_have: &str) -> Result<Duration> {
        let request = self.http.get(format!("{}{path}", self.base)).header(COOKIE, self.cookies.join("; "));
        let begun = Instant::now();
        let answer = request.send().await.with_context(|| path.to_owned())?;
        let status = answer.status();
        let text = answer.text().await?;
        let took = begun.elapsed();
        ensure!(status == StatusCode::OK, "{path} gave {status}: {text}");
        ensure!(text.contains(must_have), "{path} gave no {must_have}");
        Ok(took)
    }

    /// Takes the cookies of an answer. None is ever set twice on the way to a session.
    fn keep(&mut self, answer: &Response) -> Result<()> {
        for cookie in answer.headers().get_all(SET_COOKIE) {
            let cookie = cookie.to_str()?;
            self.cookies.push(cookie.split(';').next().unwrap_or(cookie).to_owned());
        }
        Ok(())
    }
}

/// The letters that a page's forms are sent with.
fn letters(page: &str) -> Result<String> {
    let (_, rest) = page.split_once("name=\"form\" value=\"").context("a page without a form")?;
    Ok(rest.split('"').next().unwrap_or_default().to_owned())
}

/// Fields as a form sends them.
fn form(fields: &[(&str, &str)]) -> Result<String> {
    let mut address = Url::parse("http://form")?;
    address.query_pairs_mut().extend_pairs(fields);
    Ok(address.query().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_sent_with_the_letters_of_its_page() {
        let page = "<form><input type=\"hidden\" name=\"form\" value=\"a-b\"><button></button></form>";
        assert_eq!(letters(page).unwrap(), "a-b");
        assert!(letters("<p>Not found</p>").is_err());
        assert_eq!(form(&[("key", "a+b/c=="), ("form", "a-b")]).unwrap(), "key=a%2Bb%2Fc%3D%3D&form=a-b");
    }
}
