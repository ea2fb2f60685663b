//! The page on which a user allows what a client asks for. Whoever allows signs in with an API key of theirs, in the
//! same form; nothing of it is kept.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use forebay_core::oauth::RedirectUri;
use forebay_core::secret::Secret;
use forebay_engine::{Asked, AuthorizationRequest, Engine, OauthError, Refusal};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::TAG;
use super::form::{OauthForm, filled};
use super::page::{self, Headers, ShownScope};
use super::problem;
use super::visit::Visitor;
use crate::csrf::Csrf;

/// What a client sends a browser with.
#[derive(Clone, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuthorizationQuery {
    /// `code`.
    response_type: Option<String>,
    client_id: Option<String>,
    /// One that the client was registered with, letter by letter.
    redirect_uri: Option<String>,
    /// Names with spaces between; everything that may be asked for when missing.
    scope: Option<String>,
    /// Comes back as it is.
    state: Option<String>,
    code_challenge: Option<String>,
    /// `S256`.
    code_challenge_method: Option<String>,
}

/// The same, with what a user has filled in.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ConsentForm {
    #[serde(flatten)]
    query: AuthorizationQuery,
    /// What the page had in it.
    form: Option<String>,
    /// An API key of the user.
    #[schema(value_type = Option<String>)]
    key: Option<Secret>,
    /// `allow` or `refuse`.
    decision: Option<String>,
}

impl AuthorizationQuery {
    fn request(&self) -> AuthorizationRequest {
        AuthorizationRequest {
            response_type: filled(self.response_type.clone()),
            client_id: filled(self.client_id.clone()),
            redirect_uri: filled(self.redirect_uri.clone()),
            scope: filled(self.scope.clone()),
            code_challenge: filled(self.code_challenge.clone()),
            code_challenge_method: filled(self.code_challenge_method.clone()),
        }
    }

    /// The fields as the form sends them on.
    fn fields(&self) -> Vec<(&'static str, &str)> {
        let fields = [
            ("response_type", &self.response_type),
            ("client_id", &self.client_id),
            ("redirect_uri", &self.redirect_uri),
            ("scope", &self.scope),
            ("state", &self.state),
            ("code_challenge", &self.code_challenge),
            ("code_challenge_method", &self.code_challenge_method),
        ];
        fields.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).collect()
    }
}

#[derive(Template)]
#[template(path = "oauth/consent.html")]
struct ConsentPage<'a> {
    nonce: &'a str,
    client: String,
    sent_to: &'a str,
    scopes: Vec<ShownScope>,
    fields: Vec<(&'static str, &'a str)>,
    form: String,
    fault: Option<String>,
}

fn consent_page(
    asked: &Asked,
    query: &AuthorizationQuery,
    csrf: &Csrf,
    fault: Option<&OauthError>,
) -> Response {
    let nonce = page::nonce();
    let page = ConsentPage {
        nonce: &nonce,
        client: asked.client.to_string(),
        sent_to: asked.redirect_uri.origin(),
        scopes: page::shown(&asked.scopes),
        fields: query.fields(),
        form: csrf.field(),
        fault: fault.map(ToString::to_string),
    };
    let status = fault.map_or(StatusCode::OK, problem::status);
    let mut response = page::form(&page, &nonce, status, csrf, Some(&asked.redirect_uri));
    if let Some(fault) = fault {
        problem::add_pause(&mut response, fault);
    }
    response
}

/// Sends the browser back to its client.
fn sent_back(uri: &RedirectUri, pairs: &[(&str, &str)], state: Option<&str>, issuer: &str) -> Response {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs);
    if let Some(state) = state {
        query.append_pair("state", state);
    }
    query.append_pair("iss", issuer);
    let joint = if uri.as_str().contains('?') { '&' } else { '?' };
    let place = format!("{uri}{joint}{}", query.finish());
    let mut response = problem::unkept(StatusCode::SEE_OTHER.into_response());
    match HeaderValue::from_str(&place) {
        Ok(place) => {
            response.headers_mut().insert(header::LOCATION, place);
            response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
            response
        }
        Err(_) => page::failure(&OauthError::InvalidRequest("redirect_uri cannot be sent".to_owned())),
    }
}

fn refused(refusal: &Refusal, state: Option<&str>, issuer: &str) -> Response {
    match refusal {
        Refusal::Told(error) => page::failure(error),
        Refusal::Sent(uri, error) => {
            problem::log(error);
            let described = problem::described(error);
            sent_back(uri, &[("error", error.code()), ("error_description", &described)], state, issuer)
        }
    }
}

/// The page on which a user allows what a client asks for.
#[utoipa::path(
    get, path = "", tag = TAG, params(AuthorizationQuery),
    responses(
        (status = 200, description = "A page for a browser.", content_type = "text/html", body = String),
        (status = 303, description = "Back to the client, with an error."),
        (status = 400, description = "A page that says what is wrong.", content_type = "text/html", body = String),
    )
)]
pub(crate) async fn authorize(
    State(engine): State<Engine>,
    Visitor(visit): Visitor,
    Headers(headers): Headers,
    query: Result<axum::extract::Query<AuthorizationQuery>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let query = match query {
        Ok(axum::extract::Query(query)) => query,
        Err(error) => return page::failure(&OauthError::InvalidRequest(error.body_text())),
    };
    match engine.asked_by_client(&query.request()).await {
        Ok(asked) => consent_page(&asked, &query, &Csrf::of(&headers, &visit.base), None),
        Err(refusal) => refused(&refusal, query.state.as_deref(), &visit.base),
    }
}

/// What a user has decided on the page.
#[utoipa::path(
    post, path = "", tag = TAG,
    request_body(content = ConsentForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "Back to the client, with a code or an error."),
        (status = 400, description = "A page that says what is wrong.", content_type = "text/html", body = String),
        (status = 403, description = "The page again: the key is not right.", content_type = "text/html", body = String),
        (status = 429, description = "Too many wrong keys; Retry-After says how long to wait.", content_type = "text/html", body = String),
    )
)]
pub(crate) async fn decide_authorization(
    State(engine): State<Engine>,
    Visitor(visit): Visitor,
    Headers(headers): Headers,
    form: Result<OauthForm<ConsentForm>, problem::OauthProblem>,
) -> Response {
    let form = match form {
        Ok(OauthForm(form)) => form,
        Err(problem::OauthProblem(error)) => return page::failure(&error),
    };
    if !Csrf::is_right(&headers, &visit.base, form.form.as_deref()) {
        let text = "the form did not come from this server's page, or the page was open for too long; go back \
                    to the program and begin anew";
        return page::failure(&OauthError::InvalidRequest(text.to_owned()));
    }
    let (query, key, decision) = (form.query, form.key.unwrap_or_default(), form.decision);
    let (request, state) = (query.request(), query.state.as_deref());
    let asked = match engine.asked_by_client(&request).await {
        Ok(asked) => asked,
        Err(refusal) => return refused(&refusal, state, &visit.base),
    };
    if decision.as_deref() != Some("allow") {
        let refusal = Refusal::Sent(asked.redirect_uri, OauthError::AccessDenied);
        return refused(&refusal, state, &visit.base);
    }
    match engine.allow_client(&request, &key, &visit).await {
        Ok((uri, code)) => sent_back(&uri, &[("code", code.expose())], state, &visit.base),
        Err(Refusal::Told(fault @ (OauthError::NotSignedIn | OauthError::Throttled(_)))) => {
            consent_page(&asked, &query, &Csrf::of(&headers, &visit.base), Some(&fault))
        }
        Err(refusal) => refused(&refusal, state, &visit.base),
    }
}
