//! The one shape of an error: `{"error": text for the user, "code": word for a program}`. What the
//! operator needs beyond that goes to the log and to nobody else.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::accounts::AccountError;
use crate::archive::export::ExportError;
use crate::archive::shelf::ShelfError;
use crate::audit::AuditError;
use crate::store::StoreError;
use crate::store::journal::JournalError;

#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    text: String,
    /// For the log.
    cause: Option<String>,
}

impl ApiError {
    pub fn new(status: StatusCode, code: &'static str, text: impl Into<String>) -> Self {
        Self { status, code, text: text.into(), cause: None }
    }

    /// The asker's fault.
    pub fn bad(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", text)
    }

    pub fn missing(text: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", text)
    }

    /// Asked for rightly, but things do not stand that way.
    pub fn conflict(code: &'static str, text: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, text)
    }

    /// A part of the server does not work now.
    pub fn unavailable(code: &'static str, text: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, text)
    }

    #[must_use]
    pub fn because(mut self, cause: impl std::fmt::Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Some(cause) = &self.cause {
            tracing::warn!(status = self.status.as_u16(), code = self.code, %cause, "API");
        }
        let body = serde_json::json!({ "error": self.text, "code": self.code });
        (self.status, Json(body)).into_response()
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::unavailable("database", "the database does not answer; calls are not affected").because(error)
    }
}

impl From<JournalError> for ApiError {
    fn from(error: JournalError) -> Self {
        Self::unavailable("journal", "it cannot be written down now").because(error)
    }
}

impl From<AuditError> for ApiError {
    fn from(error: AuditError) -> Self {
        Self::unavailable("audit", "it cannot be written down now, and so it is not done").because(error)
    }
}

impl From<AccountError> for ApiError {
    fn from(error: AccountError) -> Self {
        let text = error.to_string();
        match error {
            AccountError::Unknown => Self::missing(text),
            AccountError::Exists => Self::conflict("exists", text),
            AccountError::Name | AccountError::Password | AccountError::Centre | AccountError::Seat => Self::bad(text),
            AccountError::File(_) | AccountError::System => {
                Self::unavailable("accounts", "the accounts cannot be kept now").because(text)
            }
        }
    }
}

impl From<ShelfError> for ApiError {
    fn from(error: ShelfError) -> Self {
        match error {
            ShelfError::Missing(_) | ShelfError::NoRecording(_) => {
                Self::missing("the recording is not where it should be").because(error)
            }
            ShelfError::Io { .. } => Self::unavailable("recordings", "the recording cannot be read").because(error),
        }
    }
}

impl From<ExportError> for ApiError {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Shelf(error) => error.into(),
            ExportError::NoParticipant(_) => Self::missing(error.to_string()),
            ExportError::TooLong => Self::conflict("too_long", error.to_string()),
            ExportError::Io(_) => Self::unavailable("recordings", "the recording cannot be rendered").because(error),
        }
    }
}

pub async fn no_page() -> ApiError {
    ApiError::missing("there is no such page")
}

pub async fn no_method() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method", "this page does not know that method")
}
