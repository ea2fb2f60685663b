//! Users: who there is, a new one, a link to sign in by, and an end.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use forebay_core::access::{Role, Subject, User};
use forebay_core::id::UserId;
use forebay_core::name::Name;
use forebay_engine::Engine;
use serde::Deserialize;

use super::{DeletePage, Faults, Once, TypedName};
use crate::form::{Filled, Nothing};
use crate::page::{self, At, Failed, Frame, Shown};
use crate::paging::{Around, Asked, page_of};
use crate::session::SignedIn;
use crate::words::day;
use forebay_api::sign_in_url;

const PLACE: &str = "/administration/users";

#[derive(Template)]
#[template(path = "administration/users.html")]
struct UsersPage {
    frame: Frame,
    list: Around,
    rows: Vec<Row>,
    fields: UserForm,
    once: Option<Once>,
    faults: Faults,
    base: String,
}

struct Row {
    id: UserId,
    name: String,
    email: String,
    is_admin: bool,
    /// Whoever looks at the page, who cannot delete themselves.
    is_self: bool,
    /// Whether they are tied to an account of the issuer of OpenID Connect.
    is_tied: bool,
    made: String,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct UserForm {
    name: String,
    /// Empty for none.
    email: String,
    /// Ticked for an administrator.
    admin: Option<String>,
}

pub(super) async fn users(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    Query(asked): Query<Asked>,
) -> Shown {
    View { asked, ..View::default() }.shown(&engine, &signed_in).await
}

/// The users of a list that is asked for something.
pub(super) fn found(mut users: Vec<User>, asked: &Asked) -> Vec<User> {
    users.retain(|user| {
        let email = user.email.as_deref().unwrap_or_default();
        asked.finds(&[user.name.as_str(), email], &user.id.to_string())
    });
    users
}

pub(super) async fn create_user(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    Filled(form): Filled<UserForm>,
) -> Shown {
    let made = async {
        let name = Name::parse("name", &form.name)?;
        let email = Some(form.email.trim()).filter(|email| !email.is_empty()).map(str::to_owned);
        let role = if form.admin.is_some() { Role::Admin } else { Role::Member };
        engine.create_user(&signed_in.caller, name, email, role).await
    };
    match made.await {
        Ok(_) => Ok(Redirect::to(PLACE).into_response()),
        Err(error) => {
            let faults = Faults::of(error, "create", &["name", "email"])?;
            View { fields: form, faults, ..View::default() }.shown(&engine, &signed_in).await
        }
    }
}

/// Makes a link that signs a user in once.
pub(super) async fn create_sign_in_link(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(id): At<UserId>,
    Filled(Nothing {}): Filled<Nothing>,
) -> Shown {
    let user = engine.user(&signed_in.caller, id).await?;
    let link = engine.make_sign_in_link(&signed_in.caller, id).await?;
    let told = format!(
        "A link for {}. It signs in once, within a day, whoever opens it. It is shown this once: copy it now.",
        user.name.as_str()
    );
    let once = Some(Once { told, text: sign_in_url(&signed_in.browser.visit.base, &link) });
    View { once, ..View::default() }.shown(&engine, &signed_in).await
}

/// Unties a user from their account of the issuer of OpenID Connect.
pub(super) async fn untie_user(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(id): At<UserId>,
    Filled(Nothing {}): Filled<Nothing>,
) -> Shown {
    engine.untie_user(&signed_in.caller, id).await?;
    Ok(Redirect::to(PLACE).into_response())
}

pub(super) async fn delete_page(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(id): At<UserId>,
) -> Shown {
    let user = engine.user(&signed_in.caller, id).await?;
    Ok(asked_to_delete(&signed_in, &user, Faults::default()))
}

pub(super) async fn delete_user(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(id): At<UserId>,
    Filled(form): Filled<TypedName>,
) -> Shown {
    let user = engine.user(&signed_in.caller, id).await?;
    let deleted = async {
        form.is(&user.name, "user")?;
        engine.delete_user(&signed_in.caller, id).await
    };
    match deleted.await {
        Ok(()) => Ok(Redirect::to(PLACE).into_response()),
        Err(error) => Ok(asked_to_delete(&signed_in, &user, Faults::of(error, "delete", &["name"])?)),
    }
}

fn asked_to_delete(signed_in: &SignedIn, user: &User, faults: Faults) -> Response {
    let page = DeletePage {
        frame: Frame::of(signed_in),
        what: format!("the user {}", user.name.as_str()),
        told: "Keys, sessions, tokens and permissions go with the user. What the user has set up and run stays.",
        action: format!("{PLACE}/{}/delete", user.id),
        back: PLACE.to_owned(),
        typed: Some("user"),
        path: format!("/users/{}", user.id),
        command: format!("user delete {}", user.id),
        base: signed_in.browser.visit.base.clone(),
        faults,
    };
    page.shown(signed_in)
}

/// What the page shows beside the users.
#[derive(Default)]
struct View {
    asked: Asked,
    fields: UserForm,
    once: Option<Once>,
    faults: Faults,
}

impl View {
    async fn shown(self, engine: &Engine, signed_in: &SignedIn) -> Result<Response, Failed> {
        let tied = engine.tied_users(&signed_in.caller).await?;
        let row = |user: &User| Row {
            id: user.id,
            name: user.name.to_string(),
            email: user.email.clone().unwrap_or_default(),
            is_admin: user.role == Role::Admin,
            is_self: signed_in.caller.subject == Subject::User(user.id),
            is_tied: tied.contains(&user.id),
            made: day(user.created_at),
        };
        let Self { asked, fields, once, faults } = self;
        let status = faults.status;
        let users = found(engine.users(&signed_in.caller).await?, &asked);
        let (users, list) = page_of(users, &asked, PLACE);
        let page = UsersPage {
            frame: Frame::of(signed_in),
            list,
            rows: users.iter().map(row).collect(),
            fields,
            once,
            faults,
            base: signed_in.browser.visit.base.clone(),
        };
        Ok(page::shown(&page, status, &signed_in.browser))
    }
}
