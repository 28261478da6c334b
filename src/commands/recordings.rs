//! `hotline recordings`: those that are looked for, the side-car of one, its audio as a file, or who has fetched it;
//! `hotline recordings export`: one WAV of its voices.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::client::{Client, ClientError, Server, finish, segment};
use super::find::Find;
use super::page::Page;
use super::table::{card, cell, duration, list, time};

/// Finds recordings by whatever is known of them. With a call: that one; with --out its audio is written to a file, which needs a purpose.
#[derive(Clone, Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    pub deed: Option<Deed>,
    /// Id of one call
    #[arg(id = "one", value_name = "CALL")]
    pub call: Option<String>,
    /// Write the audio into this new file
    #[arg(long, value_name = "FILE", requires = "one", requires = "purpose")]
    pub out: Option<PathBuf>,
    /// What the audio is for; written down with your name
    #[arg(long, requires = "out")]
    pub purpose: Option<String>,
    /// Which part, of a recording that outgrew one file
    #[arg(long, requires = "out", default_value_t = 1)]
    pub part: usize,
    /// Show who has fetched it, or tried to, and for what
    #[arg(long, requires = "one", conflicts_with = "out")]
    pub accesses: bool,
    /// Also one that is no longer as it was sealed
    #[arg(long)]
    pub quarantined: bool,
    /// Also one in which a leader is heard; written down with your name
    #[arg(long, requires = "out")]
    pub leader: bool,
    #[command(flatten)]
    pub find: Find,
    #[command(flatten)]
    pub page: Page,
    #[command(flatten)]
    pub server: Server,
}

#[derive(Clone, Debug, clap::Subcommand)]
pub enum Deed {
    Export(Export),
    Package(Package),
}

/// Writes one call into a zip file that proves itself: its sound, what is known of it (DA/T 63-2017), its day's signed manifest, and a page that plays it.
#[derive(Clone, Debug, clap::Args)]
pub struct Package {
    /// Id of the call
    pub call: String,
    /// Write the package into this new file
    #[arg(short, long, value_name = "FILE")]
    pub out: PathBuf,
    /// What the package is for; written down with your name, here and in the package
    #[arg(long)]
    pub purpose: String,
    /// Also the files as they were sealed
    #[arg(long)]
    pub masters: bool,
    /// Also what the citizen did not hear: consultations, whispers, briefings
    #[arg(long)]
    pub private: bool,
    /// Also one that is no longer as it was sealed
    #[arg(long)]
    pub quarantined: bool,
    /// Also one in which a leader is heard; written down with your name
    #[arg(long)]
    pub leader: bool,
    #[command(flatten)]
    pub server: Server,
}

/// Renders the voices of one call into one WAV that any player opens, on the call's clock.
#[derive(Clone, Debug, clap::Args)]
#[group(id = "form", args = ["mix", "channels", "participant"], required = true, multiple = false)]
pub struct Export {
    /// Id of the call
    pub call: String,
    /// All voices in one channel
    #[arg(long)]
    pub mix: bool,
    /// A channel for each participant
    #[arg(long)]
    pub channels: bool,
    /// One participant alone, counted from 1 as the side-car lists them
    #[arg(long, value_name = "N")]
    pub participant: Option<usize>,
    /// Also what the citizen did not hear: consultations, whispers, briefings
    #[arg(long)]
    pub private: bool,
    /// Write the audio into this new file
    #[arg(short, long, value_name = "FILE")]
    pub out: PathBuf,
    /// What the audio is for; written down with your name
    #[arg(long)]
    pub purpose: String,
    /// Also one that is no longer as it was sealed
    #[arg(long)]
    pub quarantined: bool,
    /// Also one in which a leader is heard; written down with your name
    #[arg(long)]
    pub leader: bool,
    #[command(flatten)]
    pub server: Server,
}

pub fn run(args: &Args) -> ExitCode {
    match &args.deed {
        Some(Deed::Export(wanted)) => return finish(wanted.server.json, export(wanted), as_text),
        Some(Deed::Package(wanted)) => return finish(wanted.server.json, package(wanted), as_text),
        None => {}
    }
    finish(args.server.json, answer(args), if args.accesses { accesses_as_text } else { as_text })
}

pub fn answer(args: &Args) -> Result<Value, ClientError> {
    match &args.deed {
        Some(Deed::Export(wanted)) => return export(wanted),
        Some(Deed::Package(wanted)) => return package(wanted),
        None => {}
    }
    let client = Client::open(&args.server)?;
    let Some(call) = &args.call else {
        let quarantined = args.quarantined.then(|| "true".to_owned());
        let wanted = args.find.filters();
        let mut filters: Vec<_> = wanted.iter().map(|(name, value)| (*name, value)).collect();
        filters.push(("quarantined", &quarantined));
        return args.page.get(&client, "/api/recordings", &filters);
    };
    let path = format!("/api/recordings/{}", segment(call));
    if args.accesses {
        return client.get(&format!("{path}/accesses"), &[]);
    }
    let side_car = client.get(&path, &[])?;
    match &args.out {
        None => Ok(side_car),
        Some(out) => fetch(&client, args, &format!("{path}/audio"), out, &side_car),
    }
}

/// Compared with the seal (R68).
fn fetch(client: &Client, args: &Args, path: &str, out: &Path, side_car: &Value) -> Result<Value, ClientError> {
    let part = args.part.to_string();
    let mut answer = client.open_page(
        path,
        &[
            ("purpose", args.purpose.as_deref()),
            ("part", Some(&part)),
            ("quarantined", args.quarantined.then_some("true")),
            ("leader", args.leader.then_some("true")),
        ],
    )?;
    let (bytes, sha256) = store(answer.body_mut().as_reader(), out)?;
    let line = side_car.pointer(&format!("/seal/parts/{}", args.part.saturating_sub(1)));
    let sealed = line.and_then(|line| line.get("plain_sha256").or_else(|| line.get("sha256")));
    if sealed.and_then(Value::as_str) != Some(&sha256) {
        return Err(ClientError::Wrong(format!("{} is not what was sealed", out.display())));
    }
    Ok(json!({ "file": out, "bytes": bytes, "sha256": sha256 }))
}

fn export(wanted: &Export) -> Result<Value, ClientError> {
    let client = Client::open(&wanted.server)?;
    let participant = wanted.participant.map(|number| number.to_string());
    let form = match (&participant, wanted.channels) {
        (Some(_), _) => "participant",
        (None, true) => "channels",
        (None, false) => "mix",
    };
    let mut answer = client.open_page(
        &format!("/api/recordings/{}/export", segment(&wanted.call)),
        &[
            ("form", Some(form)),
            ("participant", participant.as_deref()),
            ("private", wanted.private.then_some("true")),
            ("purpose", Some(&wanted.purpose)),
            ("quarantined", wanted.quarantined.then_some("true")),
            ("leader", wanted.leader.then_some("true")),
        ],
    )?;
    let (bytes, sha256) = store(answer.body_mut().as_reader(), &wanted.out)?;
    Ok(json!({ "file": wanted.out, "bytes": bytes, "sha256": sha256, "rendered": true }))
}

fn package(wanted: &Package) -> Result<Value, ClientError> {
    let client = Client::open(&wanted.server)?;
    let asked = |flag: bool| flag.then_some("true");
    let mut answer = client.open_page(
        &format!("/api/recordings/{}/package", segment(&wanted.call)),
        &[
            ("purpose", Some(&wanted.purpose)),
            ("masters", asked(wanted.masters)),
            ("private", asked(wanted.private)),
            ("quarantined", asked(wanted.quarantined)),
            ("leader", asked(wanted.leader)),
        ],
    )?;
    let (bytes, sha256) = store(answer.body_mut().as_reader(), &wanted.out)?;
    Ok(json!({ "file": wanted.out, "bytes": bytes, "sha256": sha256, "rendered": true }))
}

/// Into a file that did not exist and that its owner alone may read; its length and SHA-256.
fn store(from: impl Read, out: &Path) -> Result<(u64, String), ClientError> {
    let failed = |source| ClientError::File { path: out.to_path_buf(), source };
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(out).map_err(failed)?;
    copy(from, file).inspect_err(|_| drop(fs::remove_file(out))).map_err(failed)
}

fn copy(mut from: impl Read, mut to: File) -> io::Result<(u64, String)> {
    let (mut sum, mut bytes, mut piece) = (Sha256::new(), 0, vec![0; 64 << 10]);
    loop {
        let read = from.read(&mut piece)?;
        let Some(read) = piece.get(..read).filter(|read| !read.is_empty()) else { break };
        to.write_all(read)?;
        sum.update(read);
        bytes += read.len() as u64;
    }
    let digest = sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((bytes, digest))
}

pub fn as_text(answer: &Value) -> String {
    if answer.get("rendered").is_some() {
        return format!("wrote {}, {} bytes", cell(answer, "/file"), cell(answer, "/bytes"));
    }
    if answer.get("file").is_some() {
        return format!("wrote {}, {} bytes, as it was sealed", cell(answer, "/file"), cell(answer, "/bytes"));
    }
    if answer.get("rows").is_none() {
        return one(answer);
    }
    let head = [
        "CALL",
        "STARTED",
        "LENGTH",
        "TICKET",
        "CALLER",
        "CODE",
        "SEAT",
        "VERDICT",
        "GAPS",
        "CONDITION",
        "LEADER",
        "KEEP UNTIL",
        "FILE",
    ];
    list(answer, "no recordings", &head, |recording| {
        vec![
            cell(recording, "/call"),
            time(recording, "/started"),
            duration(recording, "/duration_ms"),
            cell(recording, "/ticket"),
            cell(recording, "/caller"),
            cell(recording, "/code"),
            cell(recording, "/seat"),
            cell(recording, "/verdict"),
            cell(recording, "/gaps"),
            cell(recording, "/condition"),
            if recording.get("leader").and_then(Value::as_bool) == Some(true) {
                "leader".to_owned()
            } else {
                String::new()
            },
            cell(recording, "/keep_until"),
            cell(recording, "/path"),
        ]
    })
}

pub fn accesses_as_text(answer: &Value) -> String {
    list(answer, "nobody has asked for it", &["AT", "WHO", "FROM", "PURPOSE"], |access| {
        vec![time(access, "/at"), cell(access, "/who"), cell(access, "/from"), cell(access, "/purpose")]
    })
}

fn one(side_car: &Value) -> String {
    card(&[
        ("call", cell(side_car, "/call")),
        ("started", time(side_car, "/started")),
        ("length", duration(side_car, "/seal/duration_ms")),
        ("hotline", cell(side_car, "/meta/hotline")),
        ("seat", cell(side_car, "/meta/seat")),
        ("trunk", cell(side_car, "/meta/trunk")),
        ("format", cell(side_car, "/format")),
        ("verdict", cell(side_car, "/seal/verdict")),
        ("gaps", cell(side_car, "/gap_count")),
        ("bytes", cell(side_car, "/seal/bytes")),
        ("SHA-256", cell(side_car, "/seal/sha256")),
        ("SM3", cell(side_car, "/seal/sm3")),
        ("keep until", cell(side_car, "/seal/keep_until")),
    ])
}
