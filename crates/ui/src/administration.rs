//! Administration: the people and programs there are, what they may do everywhere, and the server itself. It is for
//! administrators alone, as the engine says.
//!
//! A form that is refused comes back as it was filled in, with the engine's words at the field. What is shown once, a
//! key, a secret or a link, stands on the answer that made it and on no other page.

mod applications;
mod audit;
mod groups;
mod oauth_clients;
mod server;
mod service_permissions;
mod settings;
mod signing_keys;
mod users;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use forebay_core::error::{Error, Result};
use forebay_engine::Engine;

use super::form::TypedName;
use super::page::{self, Frame, Shown};
use super::session::SignedIn;
use forebay_api::trail::does;

pub(super) use self::groups::place as group_place;

/// Where the pages of administration begin.
const PLACE: &str = "/administration";

#[rustfmt::skip]
pub(super) fn pages() -> Router<Engine> {
    let at = |rest: &str| format!("{PLACE}{rest}");
    Router::new()
        .route(PLACE, get(overview))
        .route(&at("/users"), does("create_user", get(users::users).post(users::create_user)))
        .route(&at("/users/{userId}/sign-in-link"), does("create_sign_in_link", post(users::create_sign_in_link)))
        .route(&at("/users/{userId}/untie"), does("untie_user", post(users::untie_user)))
        .route(&at("/users/{userId}/delete"), does("delete_user", get(users::delete_page).post(users::delete_user)))
        .route(&at("/groups"), does("create_group", get(groups::groups).post(groups::create_group)))
        .route(&at("/groups/{groupId}"), does("rename_group", get(groups::group).post(groups::rename_group)))
        .route(&at("/groups/{groupId}/members/{userId}/add"), does("add_group_member", post(groups::add_group_member)))
        .route(&at("/groups/{groupId}/members/{userId}/remove"), does("remove_group_member", post(groups::remove_group_member)))
        .route(&at("/groups/{groupId}/delete"), does("delete_group", get(groups::delete_page).post(groups::delete_group)))
        .route(&at("/applications"), does("create_application", get(applications::applications).post(applications::create_application)))
        .route(&at("/applications/{applicationId}/keys"), does("create_key", post(applications::create_key)))
        .route(&at("/applications/{applicationId}/keys/{keyId}/delete"), does("delete_key", post(applications::delete_key)))
        .route(&at("/applications/{applicationId}/delete"), does("delete_application", get(applications::delete_page).post(applications::delete_application)))
        .route(&at("/oauth-clients"), does("create_oauth_client", get(oauth_clients::oauth_clients).post(oauth_clients::create_oauth_client)))
        .route(&at("/oauth-clients/{clientId}"), does("update_oauth_client", get(oauth_clients::oauth_client).post(oauth_clients::update_oauth_client)))
        .route(&at("/oauth-clients/{clientId}/secrets"), does("create_client_secret", post(oauth_clients::secrets::create_client_secret)))
        .route(&at("/oauth-clients/{clientId}/secrets/{secretId}/delete"), does("delete_client_secret", get(oauth_clients::secrets::delete_secret_page).post(oauth_clients::secrets::delete_client_secret)))
        .route(&at("/oauth-clients/{clientId}/end-tokens"), does("end_tokens_of_client", post(oauth_clients::end_tokens_of_client)))
        .route(&at("/oauth-clients/{clientId}/delete"), does("delete_oauth_client", get(oauth_clients::delete_page).post(oauth_clients::delete_oauth_client)))
        .route(&at("/signing-keys"), does("rotate_signing_keys", post(signing_keys::rotate_signing_keys)))
        .route(&at("/signing-keys/{signingKeyId}/delete"), does("delete_signing_key", get(signing_keys::delete_page).post(signing_keys::delete_signing_key)))
        .route(&at("/permissions"), does("set_service_grant", get(service_permissions::permissions).post(service_permissions::set_permissions)))
        .route(&at("/audit"), get(audit::audit))
        .route(&at("/audit/csv"), get(audit::audit_csv))
        .route(&at("/server"), get(server::server))
        .route(&at("/server/settings"), does("change_settings", post(server::change_setting)))
        .route(&at("/server/backups"), does("create_backup", post(server::create_backup)))
}

#[derive(Template)]
#[template(path = "administration/overview.html")]
struct OverviewPage {
    frame: Frame,
    users: usize,
    groups: usize,
    applications: usize,
    clients: usize,
    backups: usize,
    version: &'static str,
    base: String,
}

/// What there is to administer.
async fn overview(State(engine): State<Engine>, signed_in: SignedIn) -> Shown {
    let caller = &signed_in.caller;
    let clients = super::permissions::client_ids(&engine, caller).await?;
    let applications = engine.applications(caller).await?;
    let page = OverviewPage {
        frame: Frame::of(&signed_in),
        users: engine.users(caller).await?.len(),
        groups: engine.groups(caller).await?.len(),
        applications: applications.iter().filter(|one| !clients.contains(&one.id.to_string())).count(),
        clients: clients.len(),
        backups: engine.backups(caller).await?.len(),
        version: env!("CARGO_PKG_VERSION"),
        base: signed_in.browser.visit.base.clone(),
    };
    Ok(page::shown(&page, StatusCode::OK, &signed_in.browser))
}

/// What is shown once.
struct Once {
    /// What it is, and what to do with it.
    told: String,
    text: String,
}

/// What was wrong with the form that was sent: at one of its fields, or at the form as a whole.
#[derive(Default)]
struct Faults {
    /// The name of the field or of the form.
    place: String,
    text: String,
    /// Of the page that shows it; 200 where nothing was wrong.
    status: StatusCode,
}

impl Faults {
    /// What the engine refused, for a form with these fields.
    ///
    /// # Errors
    /// What filling in the form in another way does not mend: it gets a page of its own.
    fn of(error: Error, form: &str, fields: &[&str]) -> Result<Self> {
        let text = error.to_string();
        let (place, text, status) = match error {
            Error::Invalid { field, reason } => {
                // `redirectUris[2]` is a line of `redirectUris`.
                let name = field.split(['[', '.']).next().unwrap_or_default();
                let (place, text) = if fields.contains(&name) { (name, reason) } else { (form, text) };
                (place.to_owned(), text, StatusCode::BAD_REQUEST)
            }
            Error::Conflict { .. } => (form.to_owned(), text, StatusCode::CONFLICT),
            other => return Err(other),
        };
        Ok(Self { place, text, status })
    }

    /// What was wrong there.
    fn at(&self, place: &str) -> Option<&str> {
        (self.place == place).then_some(self.text.as_str())
    }

    fn is_at(&self, place: &str) -> bool {
        self.at(place).is_some()
    }
}

/// Asks before something is deleted for good.
#[derive(Template)]
#[template(path = "administration/delete.html")]
struct DeletePage {
    frame: Frame,
    /// As `the user Ada`.
    what: String,
    /// What happens then.
    told: &'static str,
    /// Where the form is sent, and what is shown after that.
    action: String,
    back: String,
    /// Whose name must be typed: `user`; `None` where the button is enough.
    typed: Option<&'static str>,
    /// The same by API, below its root, and on the command line.
    path: String,
    command: String,
    base: String,
    faults: Faults,
}

impl DeletePage {
    fn shown(self, signed_in: &SignedIn) -> Response {
        page::shown(&self, self.faults.status, &signed_in.browser)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_stands_at_its_field_or_at_the_form() {
        let check = |error: Error, place: &str, text: &str, status: u16| {
            let faults = Faults::of(error, "create", &["name", "redirectUris"]).unwrap();
            assert_eq!((faults.at(place), faults.status.as_u16()), (Some(text), status), "{place}");
            assert!(!faults.is_at("other"));
        };
        check(Error::invalid("name", "is missing"), "name", "is missing", 400);
        check(Error::invalid("redirectUris[1]", "is bad"), "redirectUris", "is bad", 400);
        check(Error::invalid("permissions", "are bad"), "create", "permissions: are bad", 400);
        check(Error::conflict("there is one"), "create", "there is one", 409);
        assert!(Faults::of(Error::Unauthenticated, "create", &[]).is_err());
        assert!(!Faults::default().is_at("name"));
    }
}
