//! A copy in a bucket of a store that speaks S3. This file and `transport` alone know the crate.

mod transport;

use std::fmt;
use std::fs::{self, File};
use std::future::Future;
use std::io::{self, Read};
use std::path::Path;
use std::pin::Pin;

use futures_core::Stream;
use jiff::ToSpan;
use jiff::civil::Date;
use object_store::aws::{AmazonS3, AmazonS3Builder, AwsAuthorizer, AwsCredential, Checksum, S3ConditionalPut};
use object_store::client::{HttpRequest, HttpRequestBody, HttpService};
use object_store::path::Path as Key;
use object_store::{
    Attribute, Attributes, ClientOptions, Error, GetOptions, HeaderMap, HeaderValue, ObjectStore, ObjectStoreExt,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, RetryConfig,
};
use sha2::{Digest, Sha256};

use super::{Fault, Found, Source, Target};
use crate::config::mirror::{LockMode, S3Settings};
use crate::hex;
use transport::{Connector, LockedUntil, Transport};

/// Larger files go in parts of this size; S3 takes none below 5 MiB.
const PART: usize = 8 << 20;
/// Our own metadata: the SHA-256 of the whole object, in hexadecimal.
const SHA256: &str = "sha256";

/// What a store knows us by.
#[derive(Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    pub access_key_id: String,
    pub secret_access_key: String,
    #[serde(default)]
    pub session_token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("Credentials(…)")
    }
}

impl Credentials {
    /// From a TOML file, or from AWS_ACCESS_KEY_ID and its like. No error shows what is in the file.
    pub fn find(file: Option<&Path>) -> Result<Self, String> {
        let Some(path) = file else {
            let word = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set"));
            return Ok(Self {
                access_key_id: word("AWS_ACCESS_KEY_ID")?,
                secret_access_key: word("AWS_SECRET_ACCESS_KEY")?,
                session_token: word("AWS_SESSION_TOKEN").ok(),
            });
        };
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        toml::from_str(&text).map_err(|error| format!("{}: {}", path.display(), error.message()))
    }
}

pub struct S3Target {
    settings: S3Settings,
    credentials: Credentials,
    transport: Transport,
    /// A runtime of its own: the thread that asks waits in it.
    runtime: tokio::runtime::Runtime,
    store: AmazonS3,
    /// Puts with a retention until this day.
    locking: Option<(Date, AmazonS3)>,
}

impl S3Target {
    /// Asks nobody yet.
    pub fn open(settings: &S3Settings) -> Result<Self, Fault> {
        let refused = |why: String| Fault::Refused { place: place(settings), why };
        Key::parse(&settings.prefix).map_err(|error| refused(format!("prefix: {error}")))?;
        let credentials = Credentials::find(settings.credentials_file.as_deref()).map_err(refused)?;
        let transport = Transport::new(settings.endpoint.starts_with("https://"), settings.ca_file.as_deref())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| refused(error.to_string()))?;
        let store = client(settings, &credentials, &transport, HeaderMap::new()).map_err(|e| refused(told(&e)))?;
        Ok(Self { settings: settings.clone(), credentials, transport, runtime, store, locking: None })
    }

    fn key(&self, key: &str) -> Key {
        let prefix = &self.settings.prefix;
        let whole = if prefix.is_empty() { key.to_owned() } else { format!("{prefix}/{key}") };
        // What is no plain path is escaped.
        Key::parse(&whole).unwrap_or_else(|_| Key::from(whole))
    }

    fn fault(&self, error: &Error) -> Fault {
        let (place, why) = (self.place(), told(error));
        match error {
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => Fault::Refused { place, why },
            Error::NotFound { .. } => Fault::Refused { place, why: format!("no such bucket or object: {why}") },
            _ => Fault::Away { place, why },
        }
    }

    fn wait<T>(&self, asked: impl Future<Output = object_store::Result<T>>) -> Result<T, Fault> {
        self.runtime.block_on(asked).map_err(|error| self.fault(&error))
    }

    /// The client whose puts are kept until that day. The crate knows no Object Lock; its default headers
    /// are signed with the rest, which the store demands of these.
    fn locking(&mut self, keep_until: Option<Date>) -> Result<AmazonS3, Fault> {
        let Some((mode, day)) = self.settings.object_lock.zip(keep_until) else { return Ok(self.store.clone()) };
        if let Some((known, store)) = &self.locking
            && *known == day
        {
            return Ok(store.clone());
        }
        let refused = |why: String| Fault::Refused { place: place(&self.settings), why };
        let headers = lock(mode, day).map_err(refused)?;
        let store = client(&self.settings, &self.credentials, &self.transport, headers);
        let store = store.map_err(|error| refused(told(&error)))?;
        self.locking = Some((day, store.clone()));
        Ok(store)
    }

    fn put_whole(&self, store: &AmazonS3, key: &str, source: &mut Source<'_>) -> Result<(), Fault> {
        let mut file = File::open(source.path).map_err(Fault::here(source.path))?;
        let bytes = next_part(&mut file, source)?;
        let mut sum = Sha256::new();
        sum.update(&bytes);
        if hex::of(&sum.finalize()) != source.sha256 {
            return Err(Fault::Changed(source.path.to_path_buf()));
        }
        let options = PutOptions { mode: PutMode::Create, attributes: marked(source), ..PutOptions::default() };
        let key_there = self.key(key);
        match self.runtime.block_on(store.put_opts(&key_there, PutPayload::from(bytes), options)) {
            Ok(_) => Ok(()),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Err(Fault::Taken(key.to_owned())),
            Err(error) => Err(self.fault(&error)),
        }
    }

    /// In parts, none of which is seen before the last. `ensure` has asked whether the name is free.
    fn put_parts(&self, store: &AmazonS3, key: &str, source: &mut Source<'_>) -> Result<(), Fault> {
        let mut file = File::open(source.path).map_err(Fault::here(source.path))?;
        let options = PutMultipartOptions { attributes: marked(source), ..PutMultipartOptions::default() };
        let mut upload = self.wait(store.put_multipart_opts(&self.key(key), options))?;
        let mut sum = Sha256::new();
        let sent = loop {
            let bytes = match next_part(&mut file, source) {
                Ok(bytes) if bytes.is_empty() => break Ok(()),
                Ok(bytes) => bytes,
                Err(fault) => break Err(fault),
            };
            sum.update(&bytes);
            if let Err(fault) = self.wait(upload.put_part(PutPayload::from(bytes))) {
                break Err(fault);
            }
        };
        let same = hex::of(&sum.finalize()) == source.sha256;
        let sent = sent.and_then(|()| if same { Ok(()) } else { Err(Fault::Changed(source.path.to_path_buf())) });
        let done = sent.and_then(|()| self.wait(upload.complete()).map(drop));
        if done.is_err() {
            // What stays of it is no object; the bucket's rule for unfinished uploads removes it.
            let _ = self.runtime.block_on(upload.abort());
        }
        done
    }
}

impl S3Target {
    /// A store that takes the wish and forgets it is asked once more in the other way there is.
    fn see_locked(&self, key: &str, mode: LockMode, day: Date) -> Result<(), Fault> {
        if self.is_locked(key)? {
            return Ok(());
        }
        self.retain(key, mode, day)?;
        let why = format!("it took {key} and does not lock it: has the bucket Object Lock?");
        if self.is_locked(key)? { Ok(()) } else { Err(Fault::Refused { place: self.place(), why }) }
    }

    fn is_locked(&self, key: &str) -> Result<bool, Fault> {
        let options = GetOptions { head: true, ..GetOptions::default() };
        let found = self.wait(self.store.get_opts(&self.key(key), options))?;
        Ok(found.extensions.get::<LockedUntil>().is_some_and(|LockedUntil(until)| !until.is_empty()))
    }

    /// S3 PutObjectRetention.
    fn retain(&self, key: &str, mode: LockMode, day: Date) -> Result<(), Fault> {
        let away = |why: String| Fault::Away { place: self.place(), why: format!("{key}: {why}") };
        let until = until(day).map_err(away)?;
        let body = format!(
            "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>{}</Mode>\
             <RetainUntilDate>{until}</RetainUntilDate></Retention>",
            mode.as_str()
        );
        let sum = Sha256::digest(body.as_bytes());
        let path = escaped(self.key(key).as_ref());
        let mut request = HttpRequest::new(HttpRequestBody::from(body));
        *request.method_mut() = ureq::http::Method::PUT;
        let url = format!("{}/{path}?retention=", base(&self.settings));
        *request.uri_mut() = url.parse().map_err(|error| away(format!("{error}")))?;
        let checksum = HeaderValue::try_from(base64(&sum)).map_err(|error| away(error.to_string()))?;
        request.headers_mut().insert("x-amz-checksum-sha256", checksum);
        let credential = AwsCredential {
            key_id: self.credentials.access_key_id.clone(),
            secret_key: self.credentials.secret_access_key.clone(),
            token: self.credentials.session_token.clone(),
        };
        let signed =
            AwsAuthorizer::new(&credential, "s3", &self.settings.region).try_authorize(&mut request, Some(&sum));
        signed.map_err(|error| away(told(&error)))?;
        let answer = self.runtime.block_on(self.transport.call(request)).map_err(|error| away(error.to_string()))?;
        let status = answer.status();
        if status.is_success() { Ok(()) } else { Err(away(format!("no retention: {status}"))) }
    }
}

impl Target for S3Target {
    fn place(&self) -> String {
        place(&self.settings)
    }

    fn found(&mut self, key: &str) -> Result<Option<Found>, Fault> {
        let options = GetOptions { head: true, ..GetOptions::default() };
        match self.runtime.block_on(self.store.get_opts(&self.key(key), options)) {
            Ok(found) => {
                let sha256 = found.attributes.get(&Attribute::Metadata(SHA256.into()));
                Ok(Some(Found { bytes: found.meta.size, sha256: sha256.map(|sum| sum.as_ref().to_owned()) }))
            }
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.fault(&error)),
        }
    }

    fn put(&mut self, key: &str, source: &mut Source<'_>, keep_until: Option<Date>) -> Result<(), Fault> {
        let store = self.locking(keep_until)?;
        if source.bytes <= PART as u64 {
            self.put_whole(&store, key, source)?;
        } else {
            self.put_parts(&store, key, source)?;
        }
        match self.settings.object_lock.zip(keep_until) {
            Some((mode, day)) => self.see_locked(key, mode, day),
            None => Ok(()),
        }
    }

    fn read<'a>(&'a mut self, key: &str) -> Result<Box<dyn Read + 'a>, Fault> {
        let found = self.found(key)?;
        let missing = || Fault::Away { place: place(&self.settings), why: format!("{key} is missing") };
        let bytes = found.ok_or_else(missing)?.bytes;
        Ok(Box::new(Ranges { target: self, key: self.key(key), at: 0, bytes, block: io::Cursor::default() }))
    }

    fn keys(&mut self, under: &str) -> Result<Vec<String>, Fault> {
        let prefix = self.key(under.trim_end_matches('/'));
        let own = if self.settings.prefix.is_empty() { 0 } else { self.settings.prefix.len().saturating_add(1) };
        let mut list = self.store.list(Some(&prefix));
        let mut keys = Vec::new();
        while let Some(next) = self.runtime.block_on(next(&mut list)) {
            let found = next.map_err(|error| self.fault(&error))?;
            keys.extend(found.location.as_ref().get(own..).map(str::to_owned));
        }
        keys.sort_unstable();
        Ok(keys)
    }

    fn remove(&mut self, key: &str) -> Result<(), Fault> {
        if !key.starts_with("sets/") && !key.starts_with("objects/") {
            return Err(Fault::Conflict(key.to_owned()));
        }
        self.wait(self.store.delete(&self.key(key)))
    }

    fn forgets(&self) -> bool {
        self.settings.object_lock.is_none()
    }
}

/// An object, read in ranges.
struct Ranges<'a> {
    target: &'a S3Target,
    key: Key,
    at: u64,
    bytes: u64,
    block: io::Cursor<Vec<u8>>,
}

impl Read for Ranges<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let count = self.block.read(to)?;
        if count > 0 || self.at >= self.bytes || to.is_empty() {
            return Ok(count);
        }
        let end = self.bytes.min(self.at.saturating_add(PART as u64));
        let range = self.target.wait(self.target.store.get_range(&self.key, self.at..end)).map_err(io::Error::other)?;
        if range.len() as u64 != end - self.at {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        (self.at, self.block) = (end, io::Cursor::new(range.to_vec()));
        self.block.read(to)
    }
}

fn next<'a, T>(list: &'a mut Pin<Box<dyn Stream<Item = T> + Send + '_>>) -> impl Future<Output = Option<T>> + 'a
where
    T: 'a,
{
    std::future::poll_fn(|task| list.as_mut().poll_next(task))
}

fn next_part(file: &mut File, source: &mut Source<'_>) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    file.take(PART as u64).read_to_end(&mut bytes).map_err(Fault::here(source.path))?;
    source.pace.take(bytes.len() as u64)?;
    Ok(bytes)
}

fn marked(source: &Source<'_>) -> Attributes {
    [(Attribute::Metadata(SHA256.into()), source.sha256.to_owned())].into_iter().collect()
}

fn place(settings: &S3Settings) -> String {
    format!("{}/{}", settings.endpoint, settings.bucket)
}

fn client(
    settings: &S3Settings,
    credentials: &Credentials,
    transport: &Transport,
    headers: HeaderMap,
) -> object_store::Result<AmazonS3> {
    // In the style of hosts the crate wants the bucket in the endpoint's name.
    let endpoint = if settings.path_style { settings.endpoint.clone() } else { base(settings) };
    let builder = AmazonS3Builder::new()
        .with_client_options(ClientOptions::new().with_default_headers(headers))
        .with_allow_http(settings.allow_http)
        .with_endpoint(endpoint)
        .with_virtual_hosted_style_request(!settings.path_style)
        .with_bucket_name(&settings.bucket)
        .with_region(&settings.region)
        .with_access_key_id(&credentials.access_key_id)
        .with_secret_access_key(&credentials.secret_access_key)
        // The store compares what arrives with what was sent; Object Lock demands it.
        .with_checksum_algorithm(Checksum::SHA256)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        // The mirror itself tries again, and says so.
        .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
        .with_http_connector(Connector(transport.clone()));
    match &credentials.session_token {
        Some(token) => builder.with_token(token).build(),
        None => builder.build(),
    }
}

/// What stands before every key.
fn base(settings: &S3Settings) -> String {
    match settings.endpoint.split_once("://") {
        Some((scheme, host)) if !settings.path_style => format!("{scheme}://{}.{host}", settings.bucket),
        Some(_) | None => format!("{}/{}", settings.endpoint, settings.bucket),
    }
}

/// The path of a URL: whatever is not plain is escaped. (RFC 3986 §2.3)
fn escaped(path: &str) -> String {
    path.split('/').map(crate::commands::client::segment).collect::<Vec<_>>().join("/")
}

/// RFC 4648 §4.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().chain([&0, &0]).take(3).fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        for at in 0..4 {
            let letter = LETTERS.get(bits >> (18 - 6 * at) & 63).copied().filter(|_| at <= three.len());
            text.push(letter.map_or('=', char::from));
        }
    }
    text
}

/// When that day begins in China, as S3 writes it.
fn until(day: Date) -> Result<String, String> {
    let utc = day.at(0, 0, 0, 0).checked_sub(8.hours()).map_err(|error| error.to_string())?;
    Ok(format!("{utc}Z"))
}

/// Headers of S3 PutObject: kept until that day begins in China.
fn lock(mode: LockMode, day: Date) -> Result<HeaderMap, String> {
    let until = HeaderValue::try_from(until(day)?).map_err(|error| error.to_string())?;
    let mut headers = HeaderMap::new();
    headers.insert("x-amz-object-lock-mode", HeaderValue::from_static(mode.as_str()));
    headers.insert("x-amz-object-lock-retain-until-date", until);
    // Without one of the two ways of saying so the store takes nothing that it is to lock.
    headers.insert("x-amz-sdk-checksum-algorithm", HeaderValue::from_static("SHA256"));
    Ok(headers)
}

/// The store's own words and all that led to them, in one line.
fn told(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        let words = next.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = next.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
