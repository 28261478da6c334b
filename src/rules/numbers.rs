//! The 28 hotline numbers (R1–R7): which code a caller meant, whatever form the carrier sent.

/// What the INVITE said about the number that was dialled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dialled {
    /// Request-URI and To as they arrived.
    pub request_uri: String,
    pub to: String,
    /// User parts of History-Info, oldest first, then of Diversion, newest first.
    pub history: Vec<String>,
    pub diversion: Vec<String>,
}
