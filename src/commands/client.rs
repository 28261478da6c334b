//! The commands' way to the running server: its API, found by the data folder.

use std::fs;
use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};
use ureq::http::{HeaderValue, Response, StatusCode};
use ureq::{Agent, Body, RequestBuilder};

use crate::app::secrets::Secrets;
use crate::web::ADDRESS_FILE;

/// For an answer that is a page of JSON.
const PATIENCE: Duration = Duration::from_secs(15);

/// Which server is asked, and how the answer is printed.
#[derive(Clone, Debug, clap::Args)]
pub struct Server {
    /// The server's data folder, where its address and token are; $HOTLINE_TOKEN, such as that of a session, goes before the token there
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub data: PathBuf,
    /// Address of the API, such as http://192.0.2.1:8080, unless it is that of the data folder
    #[arg(long, value_name = "URL")]
    pub api: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("no server runs here: {}: {source}; give the folder of the server's data with --data", path.display())]
    NoAddress { path: PathBuf, source: io::Error },
    #[error("no token: {0}; give the folder of the server's data with --data")]
    NoToken(io::Error),
    #[error("the server at {address} does not answer: {why}")]
    Silent { address: String, why: String },
    /// The server's own words.
    #[error("{text}")]
    Refused { code: String, text: String },
    #[error("no public key: {0}")]
    NoKey(String),
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    /// What is not shown could not be read.
    #[error("{0}")]
    Typed(io::Error),
    #[error("{0}")]
    Wrong(String),
}

impl ClientError {
    /// 1: the answer is no. 2: there is no answer.
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Refused { .. } | Self::Typed(_) | Self::Wrong(_) => ExitCode::from(1),
            Self::NoAddress { .. } | Self::NoToken(_) | Self::NoKey(_) | Self::Silent { .. } | Self::File { .. } => {
                ExitCode::from(2)
            }
        }
    }

    /// The server's own word where it is the server that says no.
    fn code(&self) -> &str {
        match self {
            Self::Refused { code, .. } => code,
            Self::NoAddress { .. }
            | Self::NoToken(_)
            | Self::NoKey(_)
            | Self::Silent { .. }
            | Self::File { .. }
            | Self::Typed(_)
            | Self::Wrong(_) => "client",
        }
    }
}

pub struct Client {
    agent: Agent,
    address: String,
    token: String,
}

impl Client {
    pub fn open(server: &Server) -> Result<Self, ClientError> {
        let token = match std::env::var("HOTLINE_TOKEN") {
            Ok(token) => token,
            Err(_) => Secrets::read_token(&server.data).map_err(ClientError::NoToken)?,
        };
        Ok(Self { token, ..Self::without_token(server)? })
    }

    /// For the pages that want none.
    pub fn without_token(server: &Server) -> Result<Self, ClientError> {
        let address = match &server.api {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => address_in(&server.data)?,
        };
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(PATIENCE))
            .timeout_recv_response(Some(PATIENCE))
            // The server is in this house; a proxy of the environment is not meant.
            .proxy(None)
            .build();
        Ok(Self { agent: agent.into(), address, token: String::new() })
    }

    pub fn with_token(self, token: String) -> Self {
        Self { token, ..self }
    }

    pub fn get(&self, path: &str, query: &[(&str, Option<&str>)]) -> Result<Value, ClientError> {
        read(self.open_page(path, query)?)
    }

    pub fn post(&self, path: &str, body: &Value) -> Result<Value, ClientError> {
        read(self.answer(self.agent.post(self.url(path)), |request| request.send(body.to_string()))?)
    }

    pub fn patch(&self, path: &str, body: &Value) -> Result<Value, ClientError> {
        read(self.answer(self.agent.patch(self.url(path)), |request| request.send(body.to_string()))?)
    }

    /// A page whose body is still to come.
    pub fn open_page(&self, path: &str, query: &[(&str, Option<&str>)]) -> Result<Response<Body>, ClientError> {
        let given = query.iter().filter_map(|(name, value)| value.map(|value| (*name, value)));
        self.answer(self.agent.get(self.url(path)).query_pairs(given), RequestBuilder::call)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    fn answer<B>(
        &self,
        mut request: RequestBuilder<B>,
        send: impl FnOnce(RequestBuilder<B>) -> Result<Response<Body>, ureq::Error>,
    ) -> Result<Response<Body>, ClientError> {
        request = request.header("content-type", "application/json");
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        // Stands in the access row of a recording.
        let user = std::env::var("USER").ok().and_then(|user| HeaderValue::from_bytes(user.as_bytes()).ok());
        if let Some(user) = user {
            request = request.header("x-user", user);
        }
        let answer = send(request).map_err(|error| self.silent(&error))?;
        if answer.status().is_success() && answer.status() != StatusCode::ACCEPTED {
            return Ok(answer);
        }
        let status = answer.status();
        let value = read(answer).unwrap_or_default();
        let word = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let text = word("error").unwrap_or_else(|| format!("{status}: {value}"));
        Err(ClientError::Refused { code: word("code").unwrap_or_default(), text })
    }

    fn silent(&self, why: &dyn std::fmt::Display) -> ClientError {
        ClientError::Silent { address: self.address.clone(), why: why.to_string() }
    }
}

fn read(mut answer: Response<Body>) -> Result<Value, ClientError> {
    let text = answer.body_mut().read_to_string().map_err(|error| ClientError::Wrong(error.to_string()))?;
    serde_json::from_str(&text).map_err(|_| ClientError::Wrong("the server's answer is no JSON".to_owned()))
}

/// What `serve` has written down; a server that listens everywhere listens on loopback too.
fn address_in(data: &Path) -> Result<String, ClientError> {
    let path = data.join(ADDRESS_FILE);
    let found = fs::read_to_string(&path).and_then(|text| {
        text.trim().parse::<SocketAddr>().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    });
    let mut address = found.map_err(|source| ClientError::NoAddress { path, source })?;
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    Ok(format!("http://{address}"))
}

/// A path segment: whatever is not plain is escaped. (RFC 3986 §2.3)
pub fn segment(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Prints the answer, or what stood in its way. Exit code 0, 1 for a no, 2 for no answer.
pub fn finish(json: bool, answer: Result<Value, ClientError>, as_text: impl FnOnce(&Value) -> String) -> ExitCode {
    match (answer, json) {
        (Ok(value), true) => print(&value),
        (Ok(value), false) => print(&as_text(&value).trim_end()),
        (Err(error), json) => {
            complain(json, error.code(), &error.to_string());
            return error.exit_code();
        }
    }
    ExitCode::SUCCESS
}

/// Prints what stood in the way: a line for a person, or an object as the API has it.
pub(super) fn complain(json: bool, code: &str, error: &str) {
    if json {
        print(&json!({ "error": error, "code": code }));
    } else {
        let _ = writeln!(io::stderr(), "{error}");
    }
}

/// A reader that has gone away is no fault.
fn print(what: &dyn std::fmt::Display) {
    let _ = writeln!(io::stdout(), "{what}");
}
