//! Carries the store's requests over ureq, on the thread that asks.

use std::fs;
use std::future::{Future, poll_fn};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http_body::Body;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};

use super::super::Fault;

/// To find the store, and until it begins to answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// For a body of at most some MiB, each way.
const BODY: Duration = Duration::from_secs(300);
/// An answer is a range of an object or a page of a list.
const LARGEST_ANSWER: u64 = 64 << 20;
/// Where systems keep those whom they trust.
const TRUSTED: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

const LOCKED_UNTIL: &str = "x-amz-object-lock-retain-until-date";

/// What the store says of an object, which the crate passes on and does not know.
#[derive(Clone, Debug)]
pub(super) struct LockedUntil(pub String);

type Answer<'a> = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'a>>;

/// It blocks: each place has a thread and a runtime of its own.
#[derive(Clone, Debug)]
pub(super) struct Transport {
    agent: ureq::Agent,
}

impl Transport {
    /// `ca_file`: PEM; None: whom the system trusts.
    pub fn new(tls: bool, ca_file: Option<&Path>) -> Result<Self, Fault> {
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(PATIENCE))
            .timeout_resolve(Some(PATIENCE))
            .timeout_recv_response(Some(PATIENCE.saturating_mul(3)))
            .timeout_send_body(Some(BODY))
            .timeout_recv_body(Some(BODY))
            // The owner's address is meant as it stands, whatever proxy the environment names.
            .proxy(None);
        if tls {
            let trust = TlsConfig::builder()
                .provider(TlsProvider::Rustls)
                .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .root_certs(RootCerts::Specific(Arc::new(trusted(ca_file)?)));
            config = config.tls_config(trust.build());
        }
        Ok(Self { agent: config.build().into() })
    }

    fn carry(&self, request: ureq::http::Request<&[u8]>) -> Result<HttpResponse, ureq::Error> {
        let (parts, bytes) = request.into_parts();
        let answer = if bytes.is_empty() && parts.method != ureq::http::Method::PUT {
            self.agent.run(ureq::http::Request::from_parts(parts, ()))
        } else {
            self.agent.run(ureq::http::Request::from_parts(parts, bytes))
        };
        let (head, mut body) = answer?.into_parts();
        let bytes = body.with_config().limit(LARGEST_ANSWER).read_to_vec()?;
        let locked = head.headers.get(LOCKED_UNTIL).and_then(|until| until.to_str().ok()).map(str::to_owned);
        let mut answer = HttpResponse::from_parts(head, HttpResponseBody::from(bytes));
        if let Some(until) = locked {
            answer.extensions_mut().insert(LockedUntil(until));
        }
        Ok(answer)
    }
}

impl HttpService for Transport {
    fn call<'own, 'asked>(&'own self, request: HttpRequest) -> Answer<'asked>
    where
        'own: 'asked,
        Self: 'asked,
    {
        Box::pin(async move {
            let (parts, mut body) = request.into_parts();
            let mut bytes = Vec::with_capacity(body.content_length());
            while let Some(frame) = poll_fn(|task| Pin::new(&mut body).poll_frame(task)).await {
                bytes.extend(frame?.into_data().unwrap_or_default());
            }
            let request = ureq::http::Request::from_parts(parts, bytes.as_slice());
            self.carry(request).map_err(|error| HttpError::new(kind(&error), error))
        })
    }
}

/// Gives every client the same connections.
#[derive(Debug)]
pub(super) struct Connector(pub Transport);

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}

fn kind(error: &ureq::Error) -> HttpErrorKind {
    match error {
        ureq::Error::Timeout(_) => HttpErrorKind::Timeout,
        ureq::Error::Io(_) => HttpErrorKind::Interrupted,
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => HttpErrorKind::Connect,
        _ => HttpErrorKind::Unknown,
    }
}

fn trusted(ca_file: Option<&Path>) -> Result<Vec<Certificate<'static>>, Fault> {
    let given = ca_file.map(Path::to_path_buf);
    let system = || TRUSTED.iter().map(Path::new).find(|path| path.exists()).unwrap_or(Path::new(TRUSTED[0]));
    let path = given.unwrap_or_else(|| system().to_path_buf());
    let pem = fs::read(&path).map_err(Fault::here(&path))?;
    let certificates = parse_pem(&pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        Ok(_) | Err(_) => None,
    });
    Ok(certificates.collect())
}
