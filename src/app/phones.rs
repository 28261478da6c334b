//! Where the seats' phones have registered, and when the server was up last: kept in `<data>/phones.json`, so
//! that a restart leaves the hotline staffed. Nothing of a citizen stands in it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{Office, setup};
use crate::call::SeatNo;
use crate::config::Config;
use crate::sip::flow::{Flow, Transport};
use crate::sip::message::NameAddr;
use crate::sip::registrar::Binding;
use crate::time::{Now, Wall};
use crate::whole;

/// Between two looks at what phones have registered.
const EVERY: Duration = Duration::from_secs(1);
/// A server that is up says so at least this often; milliseconds.
const SIGN_OF_LIFE: i64 = 30_000;

#[derive(serde::Serialize, serde::Deserialize)]
struct File {
    up: Wall,
    phones: Vec<Phone>,
}

/// One binding. Those of TCP are not kept: their connections end with the server.
#[derive(serde::Serialize, serde::Deserialize)]
struct Phone {
    seat: SeatNo,
    /// With its parameters, as the phone wrote it.
    contact: String,
    /// The listener's name: its place in the file may be another one after a restart.
    listen: String,
    remote: SocketAddr,
    expires: Wall,
    call_id: String,
    cseq: u32,
}

/// What an earlier run has left.
#[derive(Default)]
pub(super) struct Left {
    /// When it was up last.
    pub up: Option<Wall>,
    pub phones: Vec<(SeatNo, Binding)>,
}

pub(super) struct Phones {
    path: PathBuf,
    /// The listeners for UDP, by name.
    listens: Vec<(String, Flow)>,
    revision: Option<u64>,
    up: Wall,
    fails: bool,
}

impl Phones {
    pub fn of(data: &Path, config: &Config) -> Self {
        let places = setup::listens(config).into_iter().zip(&config.listens);
        let flow = |(listen, row): (crate::net::driver::Listen, &crate::config::Listen)| {
            let flow = Flow { listener: listen.id, transport: listen.transport, remote: listen.bind };
            (row.name.clone(), flow)
        };
        let listens = places.map(flow).filter(|(_, flow)| flow.transport == Transport::Udp).collect();
        Self { path: data.join("phones.json"), listens, revision: None, up: Wall(0), fails: false }
    }

    /// A file that is not there, or cannot be read, leaves nothing: the phones come back by themselves.
    pub fn left(&self, now: Now) -> Left {
        let read = std::fs::read_to_string(&self.path).and_then(|text| Ok(serde_json::from_str::<File>(&text)?));
        match read {
            Ok(file) => {
                let bound = |phone| self.bound(now, phone);
                Left { up: Some(file.up), phones: file.phones.into_iter().filter_map(bound).collect() }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Left::default(),
            Err(error) => {
                tracing::warn!(%error, file = %self.path.display(), "what phones had registered is not known");
                Left::default()
            }
        }
    }

    fn bound(&self, now: Now, phone: Phone) -> Option<(SeatNo, Binding)> {
        let (_, flow) = self.listens.iter().find(|(name, _)| *name == phone.listen)?;
        let left = u64::try_from(phone.expires.0.saturating_sub(now.wall.0)).ok().filter(|left| *left > 0)?;
        let contact = NameAddr::parse(phone.contact.as_bytes()).ok()?;
        let binding = Binding {
            contact: contact.uri,
            params: contact.params,
            flow: Flow { remote: phone.remote, ..*flow },
            expires_at: now.mono + Duration::from_millis(left),
            call_id: phone.call_id,
            cseq: phone.cseq,
            lost: true,
        };
        Some((phone.seat, binding))
    }

    fn phone(&self, now: Now, seat: &str, binding: &Binding) -> Option<Phone> {
        let is_there = |flow: &Flow| (flow.listener, flow.transport) == (binding.flow.listener, binding.flow.transport);
        let (listen, _) = self.listens.iter().find(|(_, flow)| is_there(flow))?;
        let mut contact = NameAddr::new(binding.contact.clone());
        contact.params = binding.params.clone();
        Some(Phone {
            seat: SeatNo(seat.to_owned()),
            contact: String::from_utf8_lossy(&contact.to_bytes()).into_owned(),
            listen: listen.clone(),
            remote: binding.flow.remote,
            expires: now.wall_at(binding.expires_at),
            call_id: binding.call_id.clone(),
            cseq: binding.cseq,
        })
    }

    /// Writes it down whenever it has changed, and at the end.
    pub fn keep(mut self, office: Office) -> Keeper {
        let (end, mut ended) = oneshot::channel();
        let task = tokio::spawn(async move {
            let mut every = tokio::time::interval(EVERY);
            loop {
                let last = tokio::select! {
                    _ = every.tick() => false,
                    _ = &mut ended => true,
                };
                self.look(&office, last).await;
                if last {
                    return;
                }
            }
        });
        Keeper { task, end }
    }

    async fn look(&mut self, office: &Office, last: bool) {
        let silent = office.clock.wall().0.saturating_sub(self.up.0).saturating_abs();
        let (known, due) = (self.revision, last || silent >= SIGN_OF_LIFE);
        let bound = office.look(move |now, exchange| {
            let (revision, phones) = exchange.registered_phones(now);
            let owned = |(seat, binding): (&str, &Binding)| (seat.to_owned(), binding.clone());
            (due || known != Some(revision)).then(|| (now, revision, phones.map(owned).collect::<Vec<_>>()))
        });
        let Some(Some((now, revision, bound))) = bound.await else { return };
        let phones = bound.iter().filter_map(|(seat, binding)| self.phone(now, seat, binding)).collect();
        (self.revision, self.up) = (Some(revision), now.wall);
        let (path, file) = (self.path.clone(), File { up: now.wall, phones });
        let write = move || whole::write(&path, &serde_json::to_string(&file).map_err(std::io::Error::other)?);
        let written = tokio::task::spawn_blocking(write).await.unwrap_or(Ok(()));
        // Told once for as long as it lasts.
        if let (Err(error), false) = (&written, self.fails) {
            tracing::warn!(%error, file = %self.path.display(), "a restart will not know the phones of now");
        }
        self.fails = written.is_err();
    }
}

/// Keeps the file as long as the server runs.
pub(super) struct Keeper {
    task: JoinHandle<()>,
    end: oneshot::Sender<()>,
}

impl Keeper {
    pub async fn stop(self) {
        let _ = self.end.send(());
        let _ = self.task.await;
    }
}
