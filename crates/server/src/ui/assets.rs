//! The one style sheet and the one script, part of the program.

use axum::http::header;
use axum::response::IntoResponse;

/// What browsers keep them under: another build has other ones.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(super) async fn style() -> impl IntoResponse {
    sent("text/css; charset=utf-8", include_str!("../../assets/forebay.css"))
}

pub(super) async fn script() -> impl IntoResponse {
    sent("text/javascript; charset=utf-8", include_str!("../../assets/forebay.js"))
}

fn sent(media_type: &'static str, text: &'static str) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, media_type),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, text)
}
