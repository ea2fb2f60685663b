//! The style sheet and the script of every page, and the editor for the page that has one: all part of the program.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

use axum::http::header;
use axum::response::IntoResponse;

/// What browsers keep them under: another build has other ones.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

const SCRIPT: &str = "text/javascript; charset=utf-8";

pub(super) async fn style() -> impl IntoResponse {
    sent("text/css; charset=utf-8", include_str!("../assets/forebay.css"))
}

pub(super) async fn script() -> impl IntoResponse {
    sent(SCRIPT, include_str!("../assets/forebay.js"))
}

/// The path of the editor.
pub(super) const EDITOR: &str = "/ui/editor.js";
const EDITOR_TEXT: &str = include_str!("../assets/editor.js");

/// Where the editor is: another one is elsewhere, so browsers may keep it for good.
pub(super) fn editor_address() -> &'static str {
    static ADDRESS: LazyLock<String> = LazyLock::new(|| {
        let mut hasher = DefaultHasher::new();
        EDITOR_TEXT.hash(&mut hasher);
        format!("{EDITOR}?{:x}", hasher.finish())
    });
    &ADDRESS
}

pub(super) async fn editor() -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "max-age=31536000, immutable")], sent(SCRIPT, EDITOR_TEXT))
}

fn sent(media_type: &'static str, text: &'static str) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, media_type),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, text)
}
